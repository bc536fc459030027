import { counted, type Finding, MS_PER_HOUR, timelineBound } from '@pik/schema';
import type { EventQuery } from '../api/pipeline.ts';
import type { Context } from '../runtime/context.ts';
import { plainTime } from '../runtime/rules/plain-time.ts';
import { idAt, scanEntries } from '../storage/rules/slice-codec.ts';
import { slicesOfTimes } from '../storage/slices-of-times.ts';

/** The characters of an id that hold only the entity's hash: 60 of its 64 bits. */
const ENTITY_CHARS = 12;
const NAMED_MAX = 5;

/**
 * Finds the entity's receipts at that time which did not become events: those that lost a conflict, and repeats of an event
 * with another time. Reads them from the day's slices, which hold every receipt with its own event time.
 */
export async function repeatFindings(
  context: Context,
  query: EventQuery,
  { eventId, asOfMs, time }: { eventId: string | null; asOfMs: number; time: number | null },
): Promise<Finding[]> {
  const id = 'entity_id' in query ? timelineBound(query.entity_id, { epoch_ms: 0, sub_ms_ns: 0 }) : eventId;
  if (id === null || time === null) return [];
  const entity = id.slice(0, ENTITY_CHARS);
  const near = { eventFromMs: time - MS_PER_HOUR, eventToMs: time + MS_PER_HOUR + 1, receivedToMs: asOfMs + 1 };
  const series = 'source' in query ? { source: query.source, event_type: query.event_type } : {};
  const found: Record<'CONFLICT' | 'DUPLICATE', Receipt[]> = { CONFLICT: [], DUPLICATE: [] };
  for await (const slice of slicesOfTimes(context, [series], near)) {
    if (slice.duplicates + slice.conflicts === 0) continue;
    scanEntries(slice.entries, ({ outcome, event_ms, received_ms, line, idAt: at }) => {
      if (outcome === 'ACCEPTED' || received_ms > asOfMs || Math.abs(event_ms - time) > MS_PER_HOUR) return;
      const event_id = idAt(slice.entries, at);
      if (event_id.startsWith(entity)) found[outcome].push({ event_id, pack_id: slice.pack_id, line, received_ms });
    });
  }
  return [
    ...finding(
      'LOST_CONFLICT',
      found.CONFLICT,
      'came with the key of another event but another payload; both are kept',
    ),
    ...finding('REPEAT_OF_ANOTHER', found.DUPLICATE, 'came as a repeat of another event'),
  ];
}

interface Receipt {
  readonly event_id: string;
  readonly pack_id: string;
  readonly line: number;
  readonly received_ms: number;
}

function finding(code: string, receipts: readonly Receipt[], what: string): Finding[] {
  const [first] = receipts;
  if (first === undefined) return [];
  const text = `${counted(receipts.length, 'receipt')} of the entity within an hour of that time, the first at ${plainTime(first.received_ms)}, ${what}: ${first.event_id}.`;
  const evidence = receipts.slice(0, NAMED_MAX).map(({ event_id, pack_id, line }) => ({ event_id, pack_id, line }));
  return [{ code, text, evidence }];
}
