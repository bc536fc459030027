import { randomUUID } from 'node:crypto';

import { createProducer } from '@pik/sdk';
import build from 'pino-abstract-transport';

import { eventOf, type LineOptions } from './event-of.ts';

/** Options of the transport; plain data, because pino passes them to a thread. */
export interface PinoTransportOptions extends LineOptions {
  /** URL of the kit. */
  readonly url: string;
  /** Default: the variable `PIK_API_KEY`, else none. */
  readonly apiKey?: string | undefined;
  /** Milliseconds that the end of the transport waits for answers; pino itself waits ten seconds. Default: 8,000. */
  readonly close_ms?: number | undefined;
}

/** Lines that wait for an answer; further ones stay in pino's buffer. */
const WAITING_MAX = 10_000;

/**
 * Creates a transport of pino that sends each log line as an event.
 *
 * @example
 * import { pino } from 'pino';
 *
 * pino({ transport: { target: '@pik/pino-transport', options: { url: 'http://127.0.0.1:4600', source: 'checkout' } } });
 *
 * @throws KitError `CONFIG_INVALID` for a URL, a key or a source that cannot be used.
 */
export default function pinoTransport(given: PinoTransportOptions) {
  const { url, apiKey = process.env.PIK_API_KEY, close_ms = 8_000, ...options } = given;
  const producer = createProducer({ url, source: options.source, ...(apiKey ? { apiKey } : {}) });
  const run = randomUUID();
  let count = 0;
  let lost = 0;
  const waiting = new Set<Promise<unknown>>();
  return build(
    async (lines) => {
      for await (const line of lines) {
        const { event_type, payload, ...fields } = eventOf(line, options);
        count += 1;
        const { result } = producer.emit(event_type, payload, { ...fields, idempotency_key: `${run}/${count}` });
        const settled = result.then(({ status }) => {
          waiting.delete(settled);
          if (status === 'UNDELIVERED') lost += 1;
        });
        waiting.add(settled);
        if (waiting.size >= WAITING_MAX) await Promise.race(waiting);
      }
    },
    {
      async close() {
        // Lines without an answer by then may or may not have arrived.
        await producer.close({ signal: AbortSignal.timeout(close_ms) }).catch(() => undefined);
        lost += waiting.size;
        if (lost > 0) process.stderr.write(`@pik/pino-transport: ${lost} log lines could not be delivered\n`);
      },
    },
  );
}
