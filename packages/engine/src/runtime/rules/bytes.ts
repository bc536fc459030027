const TWO_31 = 2 ** 31;

/** A growing byte buffer with a compact form for safe integers, unsigned and signed (LEB128, zigzag). */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** `capacity` is the expected number of bytes; more can be written. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** An integer from 0 to 2^53 − 1. */
  uint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** An integer from −2^52 to 2^52. */
  int(value: number): void {
    this.uint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  /** An integer from 0 to 2^53 − 1 in a fixed number of bytes, at most seven, the lowest first. */
  fixed(value: number, width: number): void {
    this.#reserve(width);
    let rest = value;
    for (let i = 0; i < width; i++) {
      this.#bytes[this.#length++] = rest & 255;
      rest = rest < TWO_31 ? rest >> 8 : Math.floor(rest / 256);
    }
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A few of some bytes: less than the time of a view of them. */
  part(bytes: Uint8Array, at: number, length: number): void {
    this.#reserve(length);
    for (let i = at; i < at + length; i++) this.#bytes[this.#length++] = bytes[i] ?? 0;
  }

  /** Writes the bytes of a hexadecimal text. */
  hex(text: string): void {
    this.#reserve(text.length / 2);
    for (let i = 0; i < text.length; i += 2) {
      this.#bytes[this.#length++] = (nibble(text.charCodeAt(i)) << 4) | nibble(text.charCodeAt(i + 1));
    }
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** Reads what `fixed` wrote. */
export function fixedAt(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = at + width - 1; i >= at; i--) value = value * 256 + (bytes[i] ?? 0);
  return value;
}

function nibble(code: number): number {
  return code <= 0x39 ? code - 0x30 : code - 0x57;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Reads the output of `ByteWriter`. Throws a RangeError if the bytes end too early. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  uint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError('the bytes end in the middle of a number');
      if (byte < 128) return value + byte * factor;
      value += (byte - 128) * factor;
      factor *= 128;
    }
  }

  int(): number {
    const value = this.uint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** The number of bytes read. */
  get position(): number {
    return this.#at;
  }

  /** Skips bytes. */
  skip(length: number): void {
    if (this.#at + length > this.#bytes.length) throw new RangeError('the bytes end too early');
    this.#at += length;
  }

  raw(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new RangeError('the bytes end too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  hex(length: number): string {
    let text = '';
    for (const byte of this.raw(length)) text += HEX[byte];
    return text;
  }
}
