import { encodeBase32Hex } from '@pik/schema';

import { hash52At, ID_BYTES, type ScannedEntry } from '../../storage/rules/slice-codec.ts';
import type { WindowInput } from './window-input.ts';

/** The position of an input in a window: event time, then id. */
export interface InputPlace {
  readonly event_ms: number;
  readonly event_sub_ns: number;
  /** The bytes of the event id. */
  readonly id: Uint8Array;
}

/** The fields that all receipts of a slice share. */
export interface SliceHead {
  readonly source: string;
  readonly event_type: string;
  readonly pack_id: string;
}

const HASH_BYTES = 32;
const ROW_BYTES = ID_BYTES + HASH_BYTES;

/** Orders places as `compareInputs` orders inputs: ids sort the same as text and as bytes. */
export function comparePlaces(a: InputPlace, b: InputPlace): number {
  return (
    a.event_ms - b.event_ms ||
    a.event_sub_ns - b.event_sub_ns ||
    compareBytes({ bytes: a.id, at: 0 }, { bytes: b.id, at: 0 })
  );
}

interface IdAt {
  readonly bytes: Uint8Array;
  readonly at: number;
}

function compareBytes(a: IdAt, b: IdAt): number {
  for (let i = 0; i < ID_BYTES; i++) {
    const difference = (a.bytes[a.at + i] ?? 0) - (b.bytes[b.at + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Compares a scanned receipt with a place without decoding its id. */
export function compareScanned(entry: ScannedEntry, bytes: Uint8Array, place: InputPlace): number {
  const times = entry.event_ms - place.event_ms || entry.event_sub_ns - place.event_sub_ns;
  return times || compareBytes({ bytes, at: entry.idAt }, { bytes: place.id, at: 0 });
}

/**
 * Inputs in packed form: about 90 bytes each, a quarter of what objects take. They are added in any order and read in
 * order of event time and id.
 */
export class InputColumns {
  #capacity = 1_024;
  #length = 0;
  #eventMs = new Float64Array(this.#capacity);
  #subNs = new Uint32Array(this.#capacity);
  #receivedMs = new Float64Array(this.#capacity);
  #line = new Uint32Array(this.#capacity);
  #head = new Uint32Array(this.#capacity);
  #idAndHash = new Uint8Array(this.#capacity * ROW_BYTES);
  readonly #heads: SliceHead[] = [];

  get length(): number {
    return this.#length;
  }

  add(entry: ScannedEntry, bytes: Uint8Array, head: SliceHead): void {
    if (this.#length === this.#capacity) this.#grow();
    if (this.#heads.at(-1) !== head) this.#heads.push(head);
    const at = this.#length++;
    this.#eventMs[at] = entry.event_ms;
    this.#subNs[at] = entry.event_sub_ns;
    this.#receivedMs[at] = entry.received_ms;
    this.#line[at] = entry.line;
    this.#head[at] = this.#heads.length - 1;
    this.#idAndHash.set(bytes.subarray(entry.idAt, entry.idAt + ROW_BYTES), at * ROW_BYTES);
  }

  /** The numbers of the inputs in order of event time, then id. */
  order(): Uint32Array {
    const [ms, sub, ids] = [this.#eventMs, this.#subNs, this.#idAndHash];
    const order = Uint32Array.from({ length: this.#length }, (_, i) => i);
    return order.sort(
      (a, b) =>
        (ms[a] ?? 0) - (ms[b] ?? 0) ||
        (sub[a] ?? 0) - (sub[b] ?? 0) ||
        compareBytes({ bytes: ids, at: a * ROW_BYTES }, { bytes: ids, at: b * ROW_BYTES }),
    );
  }

  /** Returns the input with this number. */
  input(at: number): WindowInput {
    const start = at * ROW_BYTES;
    const bytes = this.#idAndHash;
    const { source, event_type, pack_id } = this.#heads[this.#head[at] ?? 0] as SliceHead;
    return {
      event_id: encodeBase32Hex(bytes.subarray(start, start + ID_BYTES)),
      source,
      event_type,
      entity_id: null,
      event_ms: this.#eventMs[at] ?? 0,
      event_sub_ns: this.#subNs[at] ?? 0,
      received_ms: this.#receivedMs[at] ?? 0,
      payload_hash: hexOf(bytes.subarray(start + ID_BYTES, start + ROW_BYTES)),
      pack_id,
      line: this.#line[at] ?? 0,
    };
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#eventMs = grown(this.#eventMs, new Float64Array(this.#capacity));
    this.#subNs = grown(this.#subNs, new Uint32Array(this.#capacity));
    this.#receivedMs = grown(this.#receivedMs, new Float64Array(this.#capacity));
    this.#line = grown(this.#line, new Uint32Array(this.#capacity));
    this.#head = grown(this.#head, new Uint32Array(this.#capacity));
    this.#idAndHash = grown(this.#idAndHash, new Uint8Array(this.#capacity * ROW_BYTES));
  }
}

function grown<T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Places kept in the sample of a window of any size. */
const SAMPLE_MAX = 16_384;

/**
 * A uniform sample of the places of inputs, drawn by their ids, which end in a hash. It shows where to cut a window into
 * parts of about equal size without holding its inputs, even if all of them happened at the same time.
 */
export class PlaceSample {
  count = 0;
  #places: (InputPlace & { readonly hash: number })[] = [];
  /** An id is drawn if the number in its last 52 bits is below this. */
  #below = 2 ** 52;

  add(entry: ScannedEntry, bytes: Uint8Array): void {
    this.count += 1;
    const hash = hash52At(bytes, entry.idAt + ID_BYTES - 7);
    if (hash >= this.#below) return;
    const { event_ms, event_sub_ns, idAt } = entry;
    this.#places.push({ event_ms, event_sub_ns, id: bytes.slice(idAt, idAt + ID_BYTES), hash });
    if (this.#places.length <= SAMPLE_MAX) return;
    this.#below /= 2;
    this.#places = this.#places.filter((place) => place.hash < this.#below);
  }

  /** The places at which parts of about `size` inputs begin, in order, except the first part. */
  cuts(size: number): InputPlace[] {
    const parts = Math.ceil(this.count / size);
    const sorted = this.#places.toSorted(comparePlaces);
    const cuts = Array.from({ length: parts - 1 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / parts)]);
    // A small sample may yield the same place twice.
    return cuts.filter((cut, i) => cut !== undefined && cut !== cuts[i - 1]) as InputPlace[];
  }
}
