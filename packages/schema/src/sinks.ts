import { KitError } from './errors.ts';

/**
 * Where alerts are sent. Addresses that are secrets, keys and passwords are in environment variables, whose names stand here.
 */
export type SinkDeclaration =
  /** A `POST` of JSON, signed as Standard Webhooks say. */
  | { readonly kind: 'webhook'; readonly url: string; readonly secret_env: string }
  /** An incoming webhook of Slack. */
  | { readonly kind: 'slack'; readonly url_env: string }
  /** Events API v2 of PagerDuty. */
  | { readonly kind: 'pagerduty'; readonly routing_key_env: string; readonly url?: string | undefined }
  /** API v2 of Prometheus Alertmanager: `url` is its address, such as `http://127.0.0.1:9093`. */
  | { readonly kind: 'alertmanager'; readonly url: string; readonly authorization_env?: string | undefined }
  /** A topic of Amazon SNS, with the credentials of the process. */
  | { readonly kind: 'sns'; readonly topic_arn: string };

/** The kind of a sink. */
export type SinkKind = SinkDeclaration['kind'];

/** Sinks by name. */
export type Sinks = Readonly<Record<string, SinkDeclaration>>;

/** The fields of each kind, and whether they must be given. */
const FIELDS: { readonly [K in SinkKind]: Readonly<Record<string, 'needed' | 'optional'>> } = {
  webhook: { url: 'needed', secret_env: 'needed' },
  slack: { url_env: 'needed' },
  pagerduty: { routing_key_env: 'needed', url: 'optional' },
  alertmanager: { url: 'needed', authorization_env: 'optional' },
  sns: { topic_arn: 'needed' },
};

/** The reason why a sink cannot be declared so; null if it can. */
function sinkFault(name: string, given: unknown): string | null {
  if (!/^[\w.-]{1,64}$/.test(name)) return 'needs a name of 1 to 64 letters, digits, _, - and .';
  if (typeof given !== 'object' || given === null) return 'must be an object';
  const { kind, ...rest }: Readonly<Record<string, unknown>> = { ...given };
  const fields = new Map(Object.entries(FIELDS)).get(typeof kind === 'string' ? kind : '');
  if (fields === undefined) return `needs a kind of ${Object.keys(FIELDS).join(', ')}`;
  const unknown = Object.keys(rest).find((field) => !Object.hasOwn(fields, field));
  if (unknown !== undefined) return `has the unknown field ${unknown}`;
  for (const [field, need] of Object.entries(fields)) {
    const value = rest[field];
    if (value === undefined && need === 'optional') continue;
    if (typeof value !== 'string' || value === '') return `needs ${field}, a text`;
    if (field === 'url' && !/^https?:\/\/[^\s]+$/.test(value)) return 'has a url that is not an http address';
  }
  return null;
}

/** Throws `CONFIG_INVALID` for sinks that cannot be declared so. */
export function checkSinks(sinks: unknown): asserts sinks is Sinks {
  if (typeof sinks !== 'object' || sinks === null || Array.isArray(sinks))
    throw new KitError('CONFIG_INVALID', 'sinks must be an object of sinks by name', { path: '/sinks' });
  for (const [name, given] of Object.entries(sinks)) {
    const fault = sinkFault(name, given);
    if (fault !== null) throw new KitError('CONFIG_INVALID', `sinks.${name} ${fault}`, { path: '/sinks' });
  }
}

/** Throws `CONFIG_INVALID` for a sink whose secret is not among the variables of this process. */
export function checkSinkSecrets(sinks: Sinks, variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, sink] of Object.entries(sinks)) {
    for (const [field, variable] of Object.entries(sink)) {
      if (!field.endsWith('_env') || variable === undefined || (variables[variable] ?? '') !== '') continue;
      throw new KitError('CONFIG_INVALID', `the sink ${name} needs the environment variable ${variable}`, {
        path: '/sinks',
      });
    }
  }
}
