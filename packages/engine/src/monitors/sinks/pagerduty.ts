import type { Alert } from '../rules/alert.ts';
import { checkedUrl, type Fetch, post } from './post.ts';
import type { Sink } from './sink.ts';

/** A service of PagerDuty. */
export interface PagerDutySinkOptions {
  /** The integration key of Events API v2. */
  readonly routingKey: string;
  /** Default: that of PagerDuty. */
  readonly url?: string | undefined;
  readonly fetch?: Fetch | undefined;
}

const ENQUEUE = 'https://events.pagerduty.com/v2/enqueue';
const SUMMARY_CHARS_MAX = 1_024;

/**
 * Triggers and resolves incidents of PagerDuty. Its `dedup_key` is the key of the incident, so a repeated message changes nothing.
 *
 * @throws KitError `CONFIG_INVALID` for an address that cannot be used.
 */
export function createPagerDutySink({
  routingKey,
  url = ENQUEUE,
  fetch = globalThis.fetch,
}: PagerDutySinkOptions): Sink {
  const to = checkedUrl(url, 'the url of PagerDuty');
  return {
    refreshMs: null,
    send: (alert, signal) => post({ url: to, body: JSON.stringify(eventOf(alert, routingKey)), signal, fetch }),
  };
}

function eventOf(alert: Alert, routing_key: string) {
  const { state, key, monitor, kind, severity, group, sentence, fired_at, link, command, runbook, since } = alert;
  const links = [{ href: runbook, text: 'What to do' }, ...(link === null ? [] : [{ href: link, text: 'Evidence' }])];
  return {
    routing_key,
    event_action: state === 'FIRING' ? 'trigger' : 'resolve',
    dedup_key: key,
    payload: {
      summary: sentence.slice(0, SUMMARY_CHARS_MAX),
      source: group.source ?? monitor,
      severity,
      timestamp: fired_at,
      component: group.event_type,
      group: monitor,
      class: kind,
      custom_details: { ...group, command, since, runbook },
    },
    links,
    client: 'Pipeline Investigation Kit',
    ...(link === null ? {} : { client_url: link }),
  };
}
