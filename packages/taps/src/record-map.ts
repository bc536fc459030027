import { KitError, type MappedFields } from '@pik/schema';

/** A record that a map reads. */
export interface MapInput {
  /** Its bytes as they came. */
  readonly bytes: Uint8Array;
  /** Its bytes as text; bytes that are not UTF-8 are U+FFFD. */
  readonly text: string;
  /** Its text as JSON, or the columns of a row of a file. Throws for other text. */
  readonly value: () => unknown;
  /** Identifies the record in its source, the same each time that it is delivered; null if the source gives it none. */
  readonly id: string | null;
  /** When the source stored it, in milliseconds since 1970; null if unknown. */
  readonly storedMs: number | null;
  /** The record's own key, such as that of a Kafka message; null if it has none. */
  readonly key: string | null;
  /** Facts outside its bytes, such as its topic and headers. */
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * The event in a record: its fields, and its payload. Default: the record itself, with all digits as they came. `payload_json` is a
 * payload as JSON text, for numbers that a double does not hold; null is a deletion.
 */
export interface MapOutput extends Omit<MappedFields, 'idempotency_key'> {
  /** Null: the content of the event identifies it. Default: of a tap the id of the record, else a digest of its bytes; of a file null. */
  readonly idempotency_key?: string | null | undefined;
  readonly payload?: unknown;
  readonly payload_json?: string | undefined;
}

/**
 * Reads records of another system as events. Pure: the same record gives the same event each time, or a record that is delivered twice
 * would become two events.
 */
export interface RecordMap {
  /** 1 to 64 letters, digits, `_`, `.` and `-`. Receipts keep it. */
  readonly name: string;
  /** From 1; raise it with every change. Receipts keep it. */
  readonly version: number;
  /** The event of a record; null for a record that is not an event, which is left out. A record for which it throws is kept as rejected. */
  readonly map: (record: MapInput) => MapOutput | null;
}

/**
 * Checks a map: the default export of a module for `pik import --map FILE` and `pik tap … --map FILE`.
 *
 * @example
 * import { defineRecordMap } from '@pik/taps';
 *
 * export default defineRecordMap({
 *   name: 'orders',
 *   version: 1,
 *   map: ({ value }) => {
 *     const row = value() as { id: string; at: string };
 *     return { source: 'shop', event_type: 'order.placed', entity_id: row.id, event_time: row.at };
 *   },
 * });
 *
 * @throws KitError `CONFIG_INVALID` naming the field.
 */
export function defineRecordMap(map: RecordMap): RecordMap {
  return checkRecordMap(map, 'the map');
}

/** Returns a value if it is a map. Throws KitError `CONFIG_INVALID` with `what` in its message. */
export function checkRecordMap(given: unknown, what: string): RecordMap {
  const fault = mapFault(given);
  if (fault !== null) throw new KitError('CONFIG_INVALID', `${what} ${fault}`);
  return given as RecordMap;
}

function mapFault(given: unknown): string | null {
  if (typeof given !== 'object' || given === null) return 'must be an object, made by defineRecordMap';
  const { name, version, map }: { name?: unknown; version?: unknown; map?: unknown } = given;
  if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name))
    return 'needs a name of 1 to 64 letters, digits, _, . and -';
  if (!Number.isSafeInteger(version) || Number(version) < 1) return 'needs a version, an integer from 1';
  return typeof map === 'function' ? null : 'needs map, a function from a record to its event';
}
