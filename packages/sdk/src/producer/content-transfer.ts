import { at } from '@pik/schema/events';

import { type Captured, eventIdOf, recordOf } from './captured.ts';
import type { ContentParts, EventParts, RecordParts } from './content-parts.ts';
import { capturedAt } from './event-columns.ts';
import type { BatchContent } from './poster.ts';
import { recordId } from './record-id.ts';
import { seriesOf } from './series.ts';

/** The parts of stored records. */
export function recordParts(records: readonly Uint8Array[]): RecordParts {
  const bytes = new Uint8Array(records.reduce((sum, { length }) => sum + length, 0));
  const ends: number[] = [];
  let end = 0;
  for (const record of records) {
    bytes.set(record, end);
    end += record.length;
    ends.push(end);
  }
  return { kind: 'records', bytes, ends };
}

/** The content that was taken apart. */
export function contentOf(parts: ContentParts): BatchContent {
  return parts.kind === 'events' ? eventsOf(parts) : recordsOf(parts);
}

function eventsOf(parts: EventParts): BatchContent {
  const series = parts.series.map(({ source, event_type, volatile }) => seriesOf(source, event_type, { volatile }));
  let events: readonly Captured[] = parts.texts.map((_, index) => capturedAt(parts, series, index));
  const { producerId: id, frame, seqs } = parts;
  const ids: (string | null)[] = [];
  const eventIdAt = (index: number) => {
    const seq = at(seqs, index);
    ids[index] ??= eventIdOf(at(events, index), seq === 0 ? null : { id, seq });
    return ids[index];
  };
  return {
    count: events.length,
    recordAt: (index) => recordOf(at(events, index), at(seqs, index), frame),
    eventIdAt: (index) => (events.length === 0 ? (ids[index] ?? null) : eventIdAt(index)),
    // The caller's thread has the texts, should this one end; here the encoded batch is enough.
    onPacked() {
      events = [];
    },
  };
}

function recordsOf({ bytes, ends }: RecordParts): BatchContent {
  const recordAt = (index: number) => bytes.subarray(index === 0 ? 0 : at(ends, index - 1), at(ends, index));
  return { count: ends.length, recordAt, eventIdAt: (index) => recordId(recordAt(index)) };
}
