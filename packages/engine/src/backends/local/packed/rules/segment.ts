import { encodeBase32Hex, positionAt, writePositionTime } from '@pik/schema';

import type { EventRow } from '../../../../ports/rows.ts';
import { ByteReader, ByteWriter } from '../../../../runtime/rules/bytes.ts';
import type { EntryEncoder, EntryFacts } from '../../../../storage/rules/slice-codec.ts';
import { answeredOf, isLiveToo, ruleNumber, ruleOf, standingValue } from '../../rules/stored-facts.ts';
import { findNumbers, NULL, type NumberColumn, numberAt, writeNumbers } from './number-column.ts';
import { findTexts, type TextColumn, textAt, writeTexts } from './text-column.ts';

// A segment holds the events of one pack, source and type, column by column:
//
//   version | columns of numbers | columns of texts | ids without their times | payload hashes
//
// A value is found without reading those before it, so that one event costs no more than its own columns. Ids and hashes are
// all that varies at random, 52 bytes of an event.

/** The number of events in a segment: 64 of common size fill a page of SQLite, so that one page is read for one of them. */
export const SEGMENT_ROWS = 64;

const VERSION = 1;
const ID_BYTES = 29;
const ENTITY_BYTES = 8;
const DIGEST_AT = 17;
/** An id without its time. */
const KEPT_BYTES = ENTITY_BYTES + ID_BYTES - DIGEST_AT;
const HASH_BYTES = 32;

/** An event to be packed. */
export interface PackableEvent {
  readonly id: Uint8Array;
  readonly row: EventRow;
  readonly producerNo: number | null;
}

const scratch = new Uint8Array(ID_BYTES);

/** True if everything of an event follows from its columns: its id has its time, or none if it is keyed, and its hash is one of SHA-256. */
export function isPackable({ id, row }: Pick<PackableEvent, 'id' | 'row'>): boolean {
  if (id.length !== ID_BYTES || row.payload_hash.length !== HASH_BYTES * 2) return false;
  if (row.rule === 'key') scratch.fill(0, ENTITY_BYTES, DIGEST_AT);
  else writePositionTime(scratch, { epoch_ms: row.event_ms, sub_ms_ns: row.event_sub_ns });
  for (let i = ENTITY_BYTES; i < DIGEST_AT; i++) if (scratch[i] !== id[i]) return false;
  return true;
}

/** The columns of numbers, in their order. Part of the data format: a change requires another version. */
const NUMBERS = [
  'event_ms',
  'event_sub_ns',
  'received_ms',
  'line',
  'rule',
  'flags',
  'expires_ms',
  'sent_ms',
  'producer_no',
  'producer_seq',
  'standing',
] as const;
type NumberName = (typeof NUMBERS)[number];

/** The columns of texts, in their order. */
const TEXTS = ['entity_id', 'idempotency_key', 'rank'] as const;
type TextName = (typeof TEXTS)[number];

/** A list of numbers for each column, with NaN for null. */
function numbersOf(events: readonly PackableEvent[]): Readonly<Record<NumberName, Float64Array>> {
  const column = () => new Float64Array(events.length);
  const [event_ms, event_sub_ns, received_ms, line, rule, flags] = [
    column(),
    column(),
    column(),
    column(),
    column(),
    column(),
  ];
  const [expires_ms, sent_ms, producer_no, producer_seq, standing] = [column(), column(), column(), column(), column()];
  let place = 0;
  for (const { row, producerNo } of events) {
    event_ms[place] = row.event_ms;
    event_sub_ns[place] = row.event_sub_ns;
    received_ms[place] = row.received_ms;
    // Lines and sequence numbers mostly grow by one.
    line[place] = row.line - place;
    rule[place] = ruleNumber(row.rule);
    flags[place] = row.flags;
    expires_ms[place] = Number.isFinite(row.expires_ms) ? row.expires_ms : NULL;
    sent_ms[place] = row.sent_ms === null ? NULL : row.sent_ms - row.received_ms;
    producer_no[place] = producerNo ?? NULL;
    producer_seq[place] = row.producer_seq === null ? NULL : row.producer_seq - place;
    standing[place] = standingValue(row) ?? NULL;
    place += 1;
  }
  return {
    event_ms,
    event_sub_ns,
    received_ms,
    line,
    rule,
    flags,
    expires_ms,
    sent_ms,
    producer_no,
    producer_seq,
    standing,
  };
}

/** Packs events. Throws a RangeError if one has a number that is not a safe integer. */
export function encodeSegment(events: readonly PackableEvent[]): Uint8Array {
  const out = new ByteWriter();
  out.uint(VERSION);
  const numbers = numbersOf(events);
  for (const name of NUMBERS) writeNumbers(out, numbers[name]);
  for (const name of TEXTS)
    writeTexts(
      out,
      events.map(({ row }) => row[name]),
    );
  const columns = out.done();
  const idsAt = columns.length;
  const hashesAt = idsAt + events.length * KEPT_BYTES;
  const bytes = Buffer.allocUnsafeSlow(hashesAt + events.length * HASH_BYTES);
  bytes.set(columns);
  let at = idsAt;
  for (const { id } of events) {
    for (let i = 0; i < ENTITY_BYTES; i++) bytes[at++] = id[i] ?? 0;
    for (let i = DIGEST_AT; i < ID_BYTES; i++) bytes[at++] = id[i] ?? 0;
  }
  // One text for all: a tenth of the time of converting digit by digit.
  bytes.write(events.map(({ row }) => row.payload_hash).join(''), hashesAt, 'hex');
  return bytes;
}

/** The facts of a segment that are not in its bytes. */
export interface SegmentFacts {
  readonly source: string;
  readonly event_type: string;
  readonly pack_id: string;
  readonly producerOf: (producerNo: number) => string;
}

/** The facts of a new event's receipt; each event sets all but the constant ones. */
const NEW_RECEIPT: EntryFacts = {
  outcome: 'ACCEPTED',
  event_ms: 0,
  event_sub_ns: 0,
  received_ms: 0,
  line: 0,
  sent_ms: null,
  first_received_ms: null,
};
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The columns of a segment. Throws a RangeError if the bytes are malformed. */
export class Segment {
  readonly #bytes: Uint8Array;
  readonly #numbers: Readonly<Record<NumberName, NumberColumn>>;
  readonly #texts: Readonly<Record<TextName, TextColumn>>;
  readonly #ids: number;
  readonly #hashes: number;

  constructor(bytes: Uint8Array, rows: number) {
    const input = new ByteReader(bytes);
    if (input.uint() !== VERSION) throw new RangeError('a segment of an unknown version');
    this.#bytes = bytes;
    const number = () => findNumbers(input, rows);
    const text = () => findTexts(input, rows);
    // The order of evaluation is that of the columns.
    this.#numbers = {
      event_ms: number(),
      event_sub_ns: number(),
      received_ms: number(),
      line: number(),
      rule: number(),
      flags: number(),
      expires_ms: number(),
      sent_ms: number(),
      producer_no: number(),
      producer_seq: number(),
      standing: number(),
    };
    this.#texts = { entity_id: text(), idempotency_key: text(), rank: text() };
    this.#ids = input.position;
    this.#hashes = this.#ids + rows * KEPT_BYTES;
    input.skip(rows * (KEPT_BYTES + HASH_BYTES));
    if (!input.atEnd) throw new RangeError('a segment has more bytes than columns');
  }

  /** The line of an event in its pack. */
  line(place: number): number {
    return this.#known('line', place) + place;
  }

  /** The place of the first event from one place up to another that is not in a line above. The lines of a segment only grow. */
  placeOf(line: number, from: number, to: number): number {
    let place = from;
    if (line === Number.POSITIVE_INFINITY) return to;
    while (place < to && this.line(place) < line) place += 1;
    return place;
  }

  /** The answered outcome, as `answeredOf` takes it. */
  standing(place: number): number | null {
    return this.#number('standing', place);
  }

  /** The 29 bytes of an id, in an array of their own. */
  id(place: number): Uint8Array {
    const id = new Uint8Array(ID_BYTES);
    this.#copyId(place, id);
    if (ruleOf(this.#known('rule', place)) !== 'key')
      writePositionTime(id, {
        epoch_ms: this.#known('event_ms', place),
        sub_ms_ns: this.#known('event_sub_ns', place),
      });
    return id;
  }

  /** Encodes events from one place up to another as the receipts that they were. */
  addEntries(from: number, to: number, encoder: EntryEncoder): void {
    const { event_ms, event_sub_ns, received_ms, sent_ms, rule } = this.#numbers;
    const [bytes, id] = [this.#bytes, new Uint8Array(ID_BYTES)];
    const entry: Mutable<EntryFacts> = { ...NEW_RECEIPT };
    for (let place = from; place < to; place++) {
      entry.event_ms = numberAt(bytes, event_ms, place) ?? 0;
      entry.event_sub_ns = numberAt(bytes, event_sub_ns, place) ?? 0;
      entry.received_ms = numberAt(bytes, received_ms, place) ?? 0;
      entry.line = this.line(place);
      const sentAfter = numberAt(bytes, sent_ms, place);
      entry.sent_ms = sentAfter === null ? null : entry.received_ms + sentAfter;
      this.#copyId(place, id);
      if (ruleOf(numberAt(bytes, rule, place) ?? 0) === 'key') id.fill(0, ENTITY_BYTES, DIGEST_AT);
      else writePositionTime(id, { epoch_ms: entry.event_ms, sub_ms_ns: entry.event_sub_ns });
      encoder.add(entry, id, { bytes, at: this.#hashes + place * HASH_BYTES });
    }
  }

  /** An event as a row of the port. */
  row(place: number, { source, event_type, pack_id, producerOf }: SegmentFacts): EventRow {
    const event_id = encodeBase32Hex(this.id(place));
    const rule = ruleOf(this.#known('rule', place));
    const [event_ms, event_sub_ns] = [this.#known('event_ms', place), this.#known('event_sub_ns', place)];
    const received_ms = this.#known('received_ms', place);
    const sentAfter = this.#number('sent_ms', place);
    const producerNo = this.#number('producer_no', place);
    const seq = this.#number('producer_seq', place);
    const rank = this.#text('rank', place);
    const standing = this.standing(place);
    const hash = this.#hashes + place * HASH_BYTES;
    return {
      event_id,
      position: rule === 'key' ? positionAt(event_id, { epoch_ms: event_ms, sub_ms_ns: event_sub_ns }) : event_id,
      rule,
      source,
      event_type,
      entity_id: this.#text('entity_id', place) ?? '',
      idempotency_key: this.#text('idempotency_key', place),
      producer_id: producerNo === null ? null : producerOf(producerNo),
      producer_seq: seq === null ? null : seq + place,
      event_ms,
      event_sub_ns,
      received_ms,
      sent_ms: sentAfter === null ? null : received_ms + sentAfter,
      payload_hash: hexOf(this.#bytes, hash, hash + HASH_BYTES),
      flags: this.#known('flags', place),
      expires_ms: this.#number('expires_ms', place) ?? Number.POSITIVE_INFINITY,
      pack_id,
      line: this.line(place),
      rank,
      live: rank === null || isLiveToo(standing),
      answered: answeredOf(standing),
    };
  }

  /** Copies an id but for its time. */
  #copyId(place: number, id: Uint8Array): void {
    const bytes = this.#bytes;
    let at = this.#ids + place * KEPT_BYTES;
    for (let i = 0; i < ENTITY_BYTES; i++) id[i] = bytes[at++] ?? 0;
    for (let i = DIGEST_AT; i < ID_BYTES; i++) id[i] = bytes[at++] ?? 0;
  }

  #number(name: NumberName, place: number): number | null {
    return numberAt(this.#bytes, this.#numbers[name], place);
  }

  #known(name: NumberName, place: number): number {
    return this.#number(name, place) ?? 0;
  }

  #text(name: TextName, place: number): string | null {
    return textAt(this.#bytes, this.#texts[name], place);
  }
}

function hexOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex', from, to);
}
