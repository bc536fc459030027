import { ROUTES } from '@pik/schema';

/** The result of one check. `skipped` has the reason in its text. */
export interface Checked {
  readonly check: string;
  readonly result: 'ok' | 'warning' | 'fault' | 'skipped';
  readonly text: string;
}

const ANSWER_MS_MAX = 10_000;

/** Requests that need a scope each and store nothing. */
const PROBES = {
  investigate: (asked: Asked) => send(asked, ROUTES.metricList.path),
  ingest: (asked: Asked) => send(asked, `${ROUTES.ingest.path}?dry_run=true`, '[]'),
  import: (asked: Asked) => send(asked, `${ROUTES.import.path}?dry_run=true`, '[]'),
  // Their bodies are refused after the scope was checked, and before anything happens.
  replay: (asked: Asked) => send(asked, ROUTES.replay.path, '{"limit":0}'),
  operate: (asked: Asked) => send(asked, ROUTES.muteMonitor.path.replace(':name', 'none'), '{"minutes":0}'),
};

/** The server and the key that is checked. */
export type Asked = { readonly url: string; readonly apiKey?: string | undefined };

/** Asks the server what a key may do. Throws if the server cannot be reached. */
export async function keyChecked(asked: Asked, keyFrom?: string): Promise<Checked> {
  const from = asked.apiKey === undefined ? 'no key' : keyFrom === undefined ? 'the key' : `the key of ${keyFrom}`;
  const may: string[] = [];
  for (const [scope, probe] of Object.entries(PROBES)) {
    const { status } = await probe(asked);
    if (status === 401) return { check: 'key', result: 'fault', text: `the server does not accept ${from} (401)` };
    if (status !== 403) may.push(scope);
  }
  const whoever = asked.apiKey === undefined ? 'every caller, without a key,' : from;
  if (may.length > 0) return { check: 'key', result: 'ok', text: `${whoever} may ${may.join(', ')}` };
  return { check: 'key', result: 'fault', text: `${from} has none of the scopes ${Object.keys(PROBES).join(', ')}` };
}

/** Sends a request with the key; ten seconds are the limit. */
export function send({ url, apiKey }: Asked, path: string, body?: string): Promise<Response> {
  return fetch(url.replace(/\/$/, '') + path, {
    headers: {
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { method: 'POST', body }),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
}
