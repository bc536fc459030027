import { createHmac } from 'node:crypto';

import { KitError } from '@pik/schema';

import { checkedUrl, type Fetch, post } from './post.ts';
import type { Sink } from './sink.ts';

/** Where signed alerts are sent. */
export interface WebhookSinkOptions {
  readonly url: string;
  /** The secret in base64, with or without `whsec_`. */
  readonly secret: string;
  readonly fetch?: Fetch | undefined;
  readonly now?: (() => number) | undefined;
}

/**
 * Sends alerts as JSON, signed as in Standard Webhooks. `webhook-id` is the id of the message, the same in each attempt.
 *
 * @throws KitError `CONFIG_INVALID` for an address or a secret that cannot be used.
 */
export function createWebhookSink({ url, secret, fetch = globalThis.fetch, now = Date.now }: WebhookSinkOptions): Sink {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key.length < KEY_BYTES_MIN)
    throw new KitError('CONFIG_INVALID', 'the secret of a webhook must be 24 bytes or more in base64', {
      path: '/sinks',
    });
  const to = checkedUrl(url, 'the url of a webhook');
  return {
    refreshMs: null,
    send(alert, signal) {
      const { message_id, ...data } = alert;
      const type = alert.state === 'FIRING' ? 'incident.firing' : 'incident.resolved';
      const body = JSON.stringify({ type, timestamp: alert.resolved_at ?? alert.fired_at, data });
      const timestamp = Math.floor(now() / 1_000);
      const signature = createHmac('sha256', key).update(`${message_id}.${timestamp}.${body}`).digest('base64');
      const headers = {
        'webhook-id': message_id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': `v1,${signature}`,
      };
      return post({ url: to, body, headers, signal, fetch });
    },
  };
}

const KEY_BYTES_MIN = 24;
