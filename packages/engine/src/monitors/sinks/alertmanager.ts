import type { Alert } from '../rules/alert.ts';
import { checkedUrl, type Fetch, post } from './post.ts';
import type { Sink } from './sink.ts';

/** An Alertmanager of Prometheus. */
export interface AlertmanagerSinkOptions {
  /** Its address, such as `http://127.0.0.1:9093`. */
  readonly url: string;
  /** The value of the header `Authorization`, if a proxy asks for it. */
  readonly authorization?: string | undefined;
  readonly fetch?: Fetch | undefined;
  readonly now?: (() => number) | undefined;
}

/** Alertmanager treats an alert as over after this time without a repeat, for example if the kit has stopped. */
const LASTS_MS = 3_600_000;
/** It forgets its alerts when it starts again. */
const REFRESH_MS = 300_000;

/**
 * Sends alerts to Alertmanager's API v2, and firing ones again every five minutes. An alert is recognized by its labels, one of which
 * is the key of the incident.
 *
 * @throws KitError `CONFIG_INVALID` for an address that cannot be used.
 */
export function createAlertmanagerSink(options: AlertmanagerSinkOptions): Sink {
  const { url, authorization, fetch = globalThis.fetch, now = Date.now } = options;
  const to = checkedUrl(`${url.replace(/\/+$/, '')}/api/v2/alerts`, 'the url of Alertmanager');
  const headers = authorization === undefined ? {} : { authorization };
  return {
    refreshMs: REFRESH_MS,
    send: (alert, signal) => post({ url: to, body: JSON.stringify([alertOf(alert, now())]), headers, signal, fetch }),
  };
}

function alertOf(alert: Alert, nowMs: number) {
  const { key, monitor, kind, severity, group, sentence, fired_at, resolved_at, link, command, runbook } = alert;
  return {
    labels: { ...labelsOf(group), alertname: monitor, kind, severity, incident: key },
    annotations: { summary: sentence, command, runbook_url: runbook, ...(link === null ? {} : { link }) },
    startsAt: fired_at,
    endsAt: resolved_at ?? new Date(nowMs + LASTS_MS).toISOString(),
    ...(link === null ? {} : { generatorURL: link }),
  };
}

/** Alertmanager refuses labels that are empty. */
function labelsOf(group: Alert['group']): Record<string, string> {
  return Object.fromEntries(Object.entries(group).filter(([, value]) => value !== ''));
}
