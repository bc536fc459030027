import { createHmac } from 'node:crypto';

import { KitError } from '@pik/schema';

import type { Target } from './target.ts';

const KEY_BYTES_MIN = 24;
const ANSWER_CHARS_MAX = 200;
/** Statuses after which another attempt may succeed. */
const RETRYABLE = new Set([408, 425, 429]);

/** Where events are posted. */
export interface HttpTargetOptions {
  readonly url: string;
  /** Base64, with or without `whsec_`; without it, requests are not signed. */
  readonly secret?: string | undefined;
}

/**
 * Posts each event, signed as in Standard Webhooks. `webhook-id` and `idempotency-key` are the id of the event, `x-pik-replay-id`
 * that of the delivery. Follows no redirect.
 *
 * @throws KitError `CONFIG_INVALID` for an address or secret that cannot be used.
 */
export function createHttpTarget({ url, secret }: HttpTargetOptions): Target {
  if (!URL.canParse(url)) throw new KitError('CONFIG_INVALID', 'the target is not an address');
  const key = secret === undefined ? null : Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key !== null && key.length < KEY_BYTES_MIN)
    throw new KitError('CONFIG_INVALID', 'the secret must be 24 bytes or more in base64');
  const { origin, pathname } = new URL(url);
  return {
    name: `${origin}${pathname}`,
    async send({ event_id, replay_id, body }, signal) {
      const timestamp = String(Math.floor(Date.now() / 1_000));
      const signed = (secretKey: Buffer) =>
        createHmac('sha256', secretKey).update(`${event_id}.${timestamp}.${body}`).digest('base64');
      const headers = {
        ...{ 'content-type': 'application/json', 'idempotency-key': event_id, 'x-pik-replay-id': replay_id },
        ...{ 'webhook-id': event_id, 'webhook-timestamp': timestamp },
        ...(key === null ? {} : { 'webhook-signature': `v1,${signed(key)}` }),
      };
      await post(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
    },
  };
}

async function post(url: string, init: RequestInit): Promise<void> {
  const response = await fetch(url, init).catch((cause: unknown) => {
    throw new KitError('NETWORK', 'the request failed', { cause });
  });
  const answer = await response.text().catch(() => '');
  if (response.ok) return;
  const message = `the receiver answered ${response.status}: ${answer.replaceAll(/\s+/g, ' ').slice(0, ANSWER_CHARS_MAX)}`;
  const isRetryable = response.status >= 500 || RETRYABLE.has(response.status);
  const seconds = Number(response.headers.get('retry-after'));
  throw new KitError(isRetryable ? 'NETWORK' : 'TARGET_REFUSED', message, {
    ...(seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {}),
  });
}
