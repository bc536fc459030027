import { KitError } from '@pik/schema';

/** Makes a request; Node's `fetch` by default. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A request of a sink. */
export interface Post {
  readonly url: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal: AbortSignal;
  readonly fetch: Fetch;
}

/** Characters of an answer that refuses a message. */
const ANSWER_CHARS_MAX = 200;

/**
 * Sends JSON, and resolves if the receiver has accepted it. Follows no redirect. The error names neither the address nor a header, as
 * both may be secret.
 */
export async function post({ url, body, headers = {}, signal, fetch }: Post): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    signal,
    redirect: 'manual',
  }).catch((error: unknown) => {
    throw new KitError('NETWORK', reasonOf(error), { cause: error });
  });
  const answer = await response.text().catch(() => '');
  if (!response.ok) throw new KitError('NETWORK', `the receiver answered ${response.status}: ${shortened(answer)}`);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : null;
  return code === null ? 'the request failed' : `the request failed: ${code}`;
}

function shortened(answer: string): string {
  return answer.replaceAll(/\s+/g, ' ').slice(0, ANSWER_CHARS_MAX);
}

/**
 * An address from a variable.
 *
 * @throws KitError `CONFIG_INVALID` naming where it comes from, and not the address.
 */
export function checkedUrl(url: string, from: string): string {
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new KitError('CONFIG_INVALID', `${from} is not an http address`, { path: '/sinks' });
  return url;
}
