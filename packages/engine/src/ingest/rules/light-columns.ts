import { positionAt } from '@pik/schema';

import type { EventFacts, LightRecord, ParsedRecord } from './parse-record.ts';
import { Fault, type ProducerStamp } from './record-fields.ts';

/**
 * Records as columns: what passes from the thread that parsed them to the thread that decides. A copy of objects would take
 * as long as parsing them.
 */
export interface LightColumns {
  readonly receivedMs: number;
  /** The number of records. */
  readonly count: number;
  /** The ids and payload hashes of all events, each of the same length, one after another. */
  readonly ids: string;
  readonly hashes: string;
  /** The entity ids and idempotency keys of all events, one after another. */
  readonly texts: string;
  /** Sources, types and producer ids, each once. */
  readonly names: readonly string[];
  /** By record: `INTEGERS` numbers. */
  readonly integers: Int32Array<ArrayBuffer>;
  /** By record: `NUMBERS` numbers; NaN for one that is absent. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** The records without an event, by place. */
  readonly rejected: readonly (readonly [place: number, record: Rejected])[];
  /** The unknown members of the events that have some, by place. */
  readonly unknown: readonly (readonly [place: number, names: readonly string[]])[];
}

type Rejected = Pick<LightRecord, 'source' | 'event_type' | 'entity_id' | 'producer'> & {
  readonly fault: Pick<Fault, 'code' | 'path' | 'detail'> | null;
};

/** Identity rules by number, within one process. */
const RULES = ['key', 'occurrence', 'content'] as const;

/** Of each record: rule (-1 without an event), source, type, producer, ends of its entity id and its key, flags, nanoseconds. */
const INTEGERS = 8;
/** Of each record: time of the event, sequence number of the producer, time of sending. */
const NUMBERS = 3;
const NONE = -1;

/** Collects live records that were received together. It keeps nothing of a record, so its memory is free at once. */
export interface ColumnsBuilder {
  add(record: ParsedRecord): void;
  columns(): LightColumns;
}

/** Collects the columns of this many records at most. */
export function createColumns(countMax: number, receivedMs: number): ColumnsBuilder {
  const integers = new Int32Array(countMax * INTEGERS);
  const numbers = new Float64Array(countMax * NUMBERS);
  const names = createNames();
  const rejected: [number, Rejected][] = [];
  const unknown: [number, readonly string[]][] = [];
  let count = 0;
  let [ids, hashes, texts] = ['', '', ''];
  const addEvent = (event: EventFacts, place: number) => {
    ids += event.event_id;
    hashes += event.payload_hash;
    texts += event.entity_id;
    const entityEnd = texts.length;
    if (event.idempotency_key !== null) texts += event.idempotency_key;
    const at = place * INTEGERS;
    integers[at] = RULES.indexOf(event.rule);
    integers[at + 1] = names.numberOf(event.source);
    integers[at + 2] = names.numberOf(event.event_type);
    integers[at + 3] = event.producer === null ? NONE : names.numberOf(event.producer.id);
    integers[at + 4] = entityEnd;
    integers[at + 5] = event.idempotency_key === null ? NONE : texts.length;
    integers[at + 6] = event.flags;
    integers[at + 7] = event.event_time.sub_ms_ns;
    numbers[place * NUMBERS] = event.event_time.epoch_ms;
    numbers[place * NUMBERS + 1] = event.producer?.seq ?? Number.NaN;
    numbers[place * NUMBERS + 2] = event.sent_ms ?? Number.NaN;
    if (event.unknown.length > 0) unknown.push([place, event.unknown]);
  };
  return {
    add({ event, fault, source, event_type, entity_id, producer }) {
      const place = count++;
      if (event !== null) return addEvent(event, place);
      integers[place * INTEGERS] = NONE;
      rejected.push([place, { fault: fault === null ? null : { ...fault }, source, event_type, entity_id, producer }]);
    },
    columns: () => ({ receivedMs, count, ids, hashes, texts, names: names.all, integers, numbers, rejected, unknown }),
  };
}

function createNames() {
  const numbers = new Map<string, number>();
  const all: string[] = [];
  return {
    all,
    numberOf(name: string): number {
      const known = numbers.get(name);
      if (known !== undefined) return known;
      numbers.set(name, all.length);
      return all.push(name) - 1;
    },
  };
}

/** The records of columns. */
export function fromColumns(columns: LightColumns): LightRecord[] {
  const { receivedMs, count, rejected } = columns;
  const unknown = new Map(columns.unknown);
  const others = new Map(rejected);
  const idChars = columns.ids.length / Math.max(1, count - rejected.length);
  const hashChars = columns.hashes.length / Math.max(1, count - rejected.length);
  const records: LightRecord[] = [];
  const read = { event: 0, text: 0 };
  for (let place = 0; place < count; place++) {
    const other = others.get(place);
    if (other !== undefined) {
      records.push(rejectedRecord(other, receivedMs));
      continue;
    }
    const event = eventAt(columns, read, {
      place,
      event_id: columns.ids.slice(read.event * idChars, (read.event + 1) * idChars),
      payload_hash: columns.hashes.slice(read.event * hashChars, (read.event + 1) * hashChars),
      unknown: unknown.get(place) ?? NO_NAMES,
    });
    read.event += 1;
    const { source, event_type, entity_id, producer } = event;
    const ids = { source, event_type, entity_id, producer };
    records.push({ imported: false, received_ms: receivedMs, event, fault: null, ...ids });
  }
  return records;
}

const NO_NAMES: readonly string[] = [];

function rejectedRecord({ fault, ...rest }: Rejected, received_ms: number): LightRecord {
  const own = fault === null ? null : new Fault(fault.code, fault.path, fault.detail);
  return { imported: false, received_ms, event: null, fault: own, ...rest };
}

/** The event at a place; `read.text` moves behind its texts. */
function eventAt(
  { integers, numbers, names, texts }: LightColumns,
  read: { text: number },
  known: Pick<EventFacts, 'event_id' | 'payload_hash' | 'unknown'> & { readonly place: number },
): EventFacts {
  const { place, event_id, payload_hash, unknown } = known;
  const integer = (at: number) => integers[place * INTEGERS + at] ?? 0;
  const number = (at: number) => numbers[place * NUMBERS + at] ?? 0;
  const rule = RULES[integer(0)] ?? 'content';
  const [entityEnd, keyEnd] = [integer(4), integer(5)];
  const entity_id = texts.slice(read.text, entityEnd);
  const idempotency_key = keyEnd === NONE ? null : texts.slice(entityEnd, keyEnd);
  read.text = keyEnd === NONE ? entityEnd : keyEnd;
  const event_time = { epoch_ms: number(0), sub_ms_ns: integer(7) };
  return {
    event_id,
    position: rule === 'key' ? positionAt(event_id, event_time) : event_id,
    rule,
    source: names[integer(1)] ?? '',
    event_type: names[integer(2)] ?? '',
    entity_id,
    idempotency_key,
    producer: stampOf(names[integer(3)], number(1)),
    event_time,
    sent_ms: Number.isNaN(number(2)) ? null : number(2),
    payload_hash,
    flags: integer(6),
    unknown,
  };
}

function stampOf(id: string | undefined, seq: number): ProducerStamp | null {
  return id === undefined ? null : { id, seq };
}
