import { at } from '@pik/schema/events';

import { type Captured, eventIdOf, recordOf } from './captured.ts';
import type { Column, ContentParts, EventParts, RecordParts } from './content-parts.ts';
import type { PendingEvent } from './pending-event.ts';
import type { BatchContent } from './poster.ts';
import { recordId } from './record-id.ts';
import { type Series, seriesOf } from './series.ts';

/** The parts of emitted events that still have their payload. */
export function eventParts(
  events: readonly PendingEvent[],
  { producerId, frame }: Pick<EventParts, 'producerId' | 'frame'>,
): EventParts {
  const series: Series[] = [];
  const texts: string[] = [];
  const seqs: number[] = [];
  const columns = newColumns();
  for (const { captured, seq } of events) {
    if (captured === null) throw new RangeError('the payload of the event is no longer here');
    texts.push(captured.fixed ?? captured.payload);
    seqs.push(seq);
    columns.seriesAt.add(indexIn(series, captured.series));
    columns.entityIds.add(captured.entityId);
    columns.times.add(captured.time);
    columns.starts.add(captured.fixed === null ? 0 : captured.fixedStart);
    columns.lengths.add(captured.fixed === null ? 0 : captured.payload.length);
    columns.optionalFields.add(captured.optionalFields);
    columns.keys.add(captured.key);
    columns.occurrences.add(captured.occurrence);
    columns.canonicals.add(captured.isCanonical);
  }
  return {
    kind: 'events',
    producerId,
    frame,
    series: series.map(({ source, event_type, volatile }) => ({ source, event_type, volatile })),
    texts,
    seqs,
    seriesAt: columns.seriesAt.values,
    entityIds: columns.entityIds.values,
    times: columns.times.values,
    starts: columns.starts.values,
    lengths: columns.lengths.values,
    optionalFields: columns.optionalFields.values,
    keys: columns.keys.values,
    occurrences: columns.occurrences.values,
    canonicals: columns.canonicals.values,
  };
}

function newColumns() {
  return {
    seriesAt: new ColumnBuilder<number>(),
    entityIds: new ColumnBuilder<string>(),
    times: new ColumnBuilder<string | number>(),
    starts: new ColumnBuilder<number>(),
    lengths: new ColumnBuilder<number>(),
    optionalFields: new ColumnBuilder<string>(),
    keys: new ColumnBuilder<string | undefined>(),
    occurrences: new ColumnBuilder<boolean>(),
    canonicals: new ColumnBuilder<boolean>(),
  };
}

/** Collects a column; makes no list while all values are equal. */
class ColumnBuilder<T> {
  #first: T | undefined = undefined;
  #list: T[] | null = null;
  #count = 0;

  get values(): Column<T> {
    return this.#list ?? (this.#first as T);
  }

  add(value: T): void {
    if (this.#list !== null) this.#list.push(value);
    else if (this.#count === 0) this.#first = value;
    else if (value !== this.#first) this.#list = [...new Array<T>(this.#count).fill(this.#first as T), value];
    this.#count += 1;
  }
}

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
  let events: readonly Captured[] = parts.texts.map((_, index) => eventAt(parts, series, index));
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

function eventAt(parts: EventParts, series: readonly Series[], index: number): Captured {
  const text = at(parts.texts, index);
  const fixedStart = valueAt(parts.starts, index);
  return {
    series: at(series, valueAt(parts.seriesAt, index)),
    entityId: valueAt(parts.entityIds, index),
    time: valueAt(parts.times, index),
    payload: fixedStart === 0 ? text : text.slice(fixedStart, fixedStart + valueAt(parts.lengths, index)),
    fixed: fixedStart === 0 ? null : text,
    fixedStart,
    optionalFields: valueAt(parts.optionalFields, index),
    key: valueAt(parts.keys, index),
    occurrence: valueAt(parts.occurrences, index),
    isCanonical: valueAt(parts.canonicals, index),
    chars: text.length,
  };
}

function recordsOf({ bytes, ends }: RecordParts): BatchContent {
  const recordAt = (index: number) => bytes.subarray(index === 0 ? 0 : at(ends, index - 1), at(ends, index));
  return { count: ends.length, recordAt, eventIdAt: (index) => recordId(recordAt(index)) };
}

function indexIn(list: Series[], series: Series): number {
  const known = list.lastIndexOf(series);
  return known >= 0 ? known : list.push(series) - 1;
}

function valueAt<T>(column: Column<T>, index: number): T {
  return Array.isArray(column) ? at(column as readonly T[], index) : (column as T);
}
