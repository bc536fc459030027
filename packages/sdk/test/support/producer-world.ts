import { createProducer, type EmitResult, type LogEntry, type Producer, type ProducerOptions } from '@pik/sdk';
import { expect, onTestFinished } from 'vitest';

import { eventsOf, type ReceivedRequest, type ScriptedBackend, scriptedBackend } from './scripted-backend.ts';

/** What a scripted backend does with a request. */
export type Script = (request: ReceivedRequest, backend: ScriptedBackend) => Response | Promise<Response>;

/** A producer over a scripted backend. */
export function world(script?: Script, options: Partial<ProducerOptions> = {}) {
  const backend = scriptedBackend(script);
  const entries: LogEntry[] = [];
  const log = (entry: LogEntry) => entries.push(entry);
  const producer = createProducer({ fetch: backend.fetch, source: 's', flushIntervalMs: 5, log, ...options });
  countInTheEnd(producer);
  const emit = (payload: object = {}) => producer.emit('t', payload, { entity_id: 'e' });
  return { backend, producer, emit, entries, requests: backend.requests };
}

/** G8, at the end of the test, whatever it was about: no event is lost count of. */
export function countInTheEnd(producer: Pick<Producer, 'stats'>): void {
  onTestFinished(() => {
    const { emitted, acked, rejected, undelivered, dropped, pending, backlog } = producer.stats();
    expect(emitted).toBe(acked + rejected + undelivered + dropped + pending);
    expect(backlog.taken).toBe(backlog.acked + backlog.rejected + backlog.undelivered + backlog.pending);
    for (const count of [acked, rejected, undelivered, dropped, pending, backlog.pending])
      expect(count).toBeGreaterThanOrEqual(0);
  });
}

/** Takes every event. */
export const accept: Script = ({ lines }, backend) => backend.accept(lines);

/** What became of events, in their order. */
export const statuses = (results: readonly EmitResult[]) => results.map(({ status }) => status);

/** The numbers of the events that were received, in their order. */
export const seqsOf = (requests: readonly ReceivedRequest[]) =>
  eventsOf(requests).map(({ producer }) => (producer as { seq: number }).seq);
