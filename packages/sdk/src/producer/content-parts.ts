import type { VolatileMembers } from '@pik/schema/events';

import type { Frame } from './captured.ts';
import type { Series } from './series.ts';

/** The values of a column, or the one value that all of them are. */
export type Column<T> = T | readonly T[];

/**
 * Emitted events by columns: a message of a few lists of texts and numbers costs a tenth of one with an object for each
 * event.
 */
export interface EventParts {
  readonly kind: 'events';
  readonly producerId: string;
  readonly frame: Frame;
  readonly series: readonly (Pick<Series, 'source' | 'event_type'> & { readonly volatile: VolatileMembers | null })[];
  readonly seriesAt: Column<number>;
  readonly entityIds: Column<string>;
  readonly times: Column<string | number>;
  /** The payload, or the whole record once that is fixed. */
  readonly texts: readonly string[];
  /** Start and length of the payload in a fixed record; a start of 0 means that the text is the payload. */
  readonly starts: Column<number>;
  readonly lengths: Column<number>;
  readonly optionalFields: Column<string>;
  readonly keys: Column<string | undefined>;
  readonly occurrences: Column<boolean>;
  readonly canonicals: Column<boolean>;
  readonly seqs: readonly number[];
}

/** Stored records: their bytes in one piece, and where each of them ends. */
export interface RecordParts {
  readonly kind: 'records';
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: readonly number[];
}

/** The content of a batch in a form that can be sent to another thread. */
export type ContentParts = EventParts | RecordParts;
