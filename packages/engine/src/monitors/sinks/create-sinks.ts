import { checkSinkSecrets, checkSinks, type SinkDeclaration, type Sinks } from '@pik/schema';

import { createAlertmanagerSink } from './alertmanager.ts';
import { createPagerDutySink } from './pagerduty.ts';
import type { Fetch } from './post.ts';
import type { Sink } from './sink.ts';
import { createSlackSink } from './slack.ts';
import { createSnsSink } from './sns.ts';
import { createWebhookSink } from './webhook.ts';

/** Secrets and `fetch` of sinks. */
export interface SinksOptions {
  /** Variables with the secrets. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Default: that of the process. */
  readonly fetch?: Fetch | undefined;
}

/**
 * Creates the declared sinks.
 *
 * @throws KitError `CONFIG_INVALID` naming the sink, and the variable that is missing.
 */
export function createSinks(declared: Sinks, options: SinksOptions): ReadonlyMap<string, Sink> {
  checkSinks(declared);
  checkSinkSecrets(declared, options.variables);
  return new Map(Object.entries(declared).map(([name, sink]) => [name, createSink(sink, options)]));
}

function createSink(sink: SinkDeclaration, { variables, fetch }: SinksOptions): Sink {
  const secret = (name: string | undefined) => (name === undefined ? '' : (variables[name] ?? ''));
  switch (sink.kind) {
    case 'webhook':
      return createWebhookSink({ url: sink.url, secret: secret(sink.secret_env), fetch });
    case 'slack':
      return createSlackSink({ url: secret(sink.url_env), fetch });
    case 'pagerduty':
      return createPagerDutySink({ routingKey: secret(sink.routing_key_env), url: sink.url, fetch });
    case 'alertmanager': {
      const authorization = sink.authorization_env === undefined ? undefined : secret(sink.authorization_env);
      return createAlertmanagerSink({ url: sink.url, authorization, fetch });
    }
    case 'sns':
      return createSnsSink({ topicArn: sink.topic_arn });
  }
}
