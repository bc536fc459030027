import { at } from '@pik/schema/events';

import type { BatchContent, OpenBatch, Poster, PostOptions } from './poster.ts';
import type { Results } from './results.ts';
import { fromWire, sendBatch, type TransportOptions, toWire, type WireBatch } from './transport.ts';

/** Makes requests in the thread that calls it. */
export class InlinePoster implements Poster {
  readonly #transport: TransportOptions;

  constructor(transport: TransportOptions) {
    this.#transport = transport;
  }

  open(content: BatchContent): InlineBatch {
    return new InlineBatch(this.#transport, content);
  }
}

/** A batch whose requests the calling thread makes. */
export class InlineBatch implements OpenBatch {
  bytes = 0;
  readonly #transport: TransportOptions;
  readonly #content: BatchContent;
  /** The last encoding, and the indexes of its records. */
  #last: { readonly indexes: readonly number[]; readonly wire: WireBatch } | null = null;
  /** The first encoding of all records, if nobody else keeps them. */
  #packed: WireBatch | null = null;
  #unpacked: Promise<Uint8Array[]> | null = null;

  constructor(transport: TransportOptions, content: BatchContent) {
    this.#transport = transport;
    this.#content = content;
  }

  /** The ids of the records of the last request. */
  get eventIds(): readonly (string | null)[] {
    return this.#last?.wire.eventIds ?? [];
  }

  async post(indexes: readonly number[], { path, signal }: PostOptions): Promise<Results> {
    if (this.#last?.indexes !== indexes) this.#last = { indexes, wire: await this.#wire(indexes) };
    const { wire } = this.#last;
    this.bytes = wire.body.length;
    return sendBatch(this.#transport, wire, { path, signal });
  }

  end(): void {
    this.#last = null;
    this.#packed = null;
    this.#unpacked = null;
  }

  async #wire(indexes: readonly number[]): Promise<WireBatch> {
    const { eventIdAt, framing, onPacked } = this.#content;
    const record = await this.#records();
    const records = { count: indexes.length, framing, recordAt: (i: number) => record(at(indexes, i)) };
    const wire = await toWire(records, indexes.map(eventIdAt), this.#transport.gzipBytesMin);
    // A thread that replaces another may get a part of a batch first.
    if (onPacked !== undefined && this.#packed === null && indexes.length === this.#content.count) {
      this.#packed = wire;
      onPacked();
    }
    return wire;
  }

  async #records(): Promise<BatchContent['recordAt']> {
    if (this.#packed === null) return this.#content.recordAt;
    this.#unpacked ??= fromWire(this.#packed);
    const records = await this.#unpacked;
    return (index) => at(records, index);
  }
}
