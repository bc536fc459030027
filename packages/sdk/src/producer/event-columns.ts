import { at } from '@pik/schema/events';

import type { Captured, Frame } from './captured.ts';
import type { Column, EventParts } from './content-parts.ts';
import type { Series } from './series.ts';

/**
 * Captured events by columns. A list of texts and numbers costs the garbage collector a fraction of what an object for
 * each waiting event does, and is already the form that another thread is given.
 */
export class EventColumns {
  readonly seqs: number[] = [];
  readonly #series: Series[] = [];
  readonly #texts: string[] = [];
  readonly #seriesAt = new ColumnBuilder<number>();
  readonly #entityIds = new ColumnBuilder<string>();
  readonly #times = new ColumnBuilder<string | number>();
  readonly #starts = new ColumnBuilder<number>();
  readonly #lengths = new ColumnBuilder<number>();
  readonly #optionalFields = new ColumnBuilder<string>();
  readonly #keys = new ColumnBuilder<string | undefined>();
  readonly #occurrences = new ColumnBuilder<boolean>();
  readonly #canonicals = new ColumnBuilder<boolean>();
  readonly #chars = new ColumnBuilder<number>();

  push(captured: Captured, seq: number): void {
    const { fixed, payload } = captured;
    this.seqs.push(seq);
    this.#texts.push(fixed ?? payload);
    this.#seriesAt.add(this.#indexOf(captured.series));
    this.#entityIds.add(captured.entityId);
    this.#times.add(captured.time);
    this.#starts.add(fixed === null ? 0 : captured.fixedStart);
    this.#lengths.add(fixed === null ? 0 : payload.length);
    this.#optionalFields.add(captured.optionalFields);
    this.#keys.add(captured.key);
    this.#occurrences.add(captured.occurrence);
    this.#canonicals.add(captured.isCanonical);
    this.#chars.add(captured.chars);
  }

  charsAt(index: number): number {
    return valueAt(this.#chars.values, index);
  }

  /** Releases the text of an event. */
  forget(index: number): void {
    this.#texts[index] = '';
  }

  /** Releases all texts. */
  forgetAll(): void {
    this.#texts.fill('');
  }

  /** The event at an index. */
  at(index: number): Captured {
    return capturedAt(this.#columns(), this.#series, index);
  }

  /** The events, for this thread or another. */
  parts(producerId: string, frame: Frame): EventParts {
    const series = this.#series.map(({ source, event_type, volatile }) => ({ source, event_type, volatile }));
    return { kind: 'events', producerId, frame, series, ...this.#columns() };
  }

  #columns(): Columns {
    return {
      texts: this.#texts,
      seqs: this.seqs,
      seriesAt: this.#seriesAt.values,
      entityIds: this.#entityIds.values,
      times: this.#times.values,
      starts: this.#starts.values,
      lengths: this.#lengths.values,
      optionalFields: this.#optionalFields.values,
      keys: this.#keys.values,
      occurrences: this.#occurrences.values,
      canonicals: this.#canonicals.values,
    };
  }

  #indexOf(series: Series): number {
    const known = this.#series.lastIndexOf(series);
    return known >= 0 ? known : this.#series.push(series) - 1;
  }
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

/** The columns without what a batch has once. */
type Columns = Omit<EventParts, 'kind' | 'producerId' | 'frame' | 'series'>;

/** The event at an index, with its series from the list. */
export function capturedAt(parts: Columns, series: readonly Series[], index: number): Captured {
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
    storage: null,
  };
}

function valueAt<T>(column: Column<T>, index: number): T {
  return Array.isArray(column) ? at(column as readonly T[], index) : (column as T);
}
