import type { Fault } from '../record-fields.ts';
import type { RawRecord } from '../record-split.ts';

/** Statements of a request about a record, outside its bytes, such as headers. */
export type Around = Readonly<Record<string, string>>;

/** The facts that a mapping may use besides the bytes of the record. Each receipt keeps all of them. */
export interface MappingFacts<S> {
  readonly settings: S;
  /** Null if the record has all of it in its bytes. */
  readonly around: Around | null;
  readonly receivedMs: number;
  /** True if the record claims a receive time of its own. */
  readonly imported: boolean;
}

/** The fields of an event that a mapping may set. */
export type MappedField =
  | 'source'
  | 'event_type'
  | 'entity_id'
  | 'event_time'
  | 'idempotency_key'
  | 'producer'
  | 'identity'
  | 'sent_at'
  | 'traceparent'
  | 'schema_version'
  | 'received_at';

/** A record in the kit's own form. */
export interface MappedEvent {
  /** The fields; those that are undefined are absent. They are checked later, like those of any record. */
  readonly fields: Readonly<Partial<Record<MappedField, unknown>>>;
  /** The JSON text of the payload, with all digits as received; null if there is none. It must be one valid JSON value. */
  readonly payload: string | null;
  /** The reason to reject the record although it can be read. */
  readonly refused?: Fault | undefined;
  /** The names of the fields on the wire, and of `payload`, empty if that is the record itself: a fault names the member of the record as it came. */
  readonly names: Readonly<Partial<Record<MappedField | 'payload', string>>>;
}

/** A record of a body, and what is around it. */
export interface MappedPart {
  readonly record: RawRecord;
  readonly around: Around | null;
}

/**
 * Reads a record of another wire as an event. Pure: the bytes, the settings and what was around the record decide, in every
 * later release too. A mapping that reads a record differently is a new version next to the old one.
 */
export interface Mapping<S> {
  readonly name: string;
  /** From 1. */
  readonly version: number;
  /** The settings of receipts that name none; they never change. */
  readonly defaults: S;
  /**
   * Splits a body into records, each with what is around it. Absent or undefined: a body is one record. Null: it cannot be split,
   * and the whole body is one record, in which `map` finds the fault.
   */
  split?(body: Uint8Array, around: Around | null): readonly MappedPart[] | null | undefined;
  map(record: RawRecord, facts: MappingFacts<S>): MappedEvent | Fault;
}
