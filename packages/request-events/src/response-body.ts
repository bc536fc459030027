/** The parts of a response's body, kept as they pass, up to a bound. */
export class ResponseBody {
  readonly #bytesMax: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Whether all of it is there. */
  isWhole = true;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes a copy: the caller may use its buffer again. */
  add(chunk: unknown, encoding: unknown): void {
    if (!this.isWhole) return;
    if (typeof chunk === 'string') this.#push(Buffer.from(chunk, encodingOf(encoding)));
    else if (chunk instanceof Uint8Array) this.#push(chunk.byteLength <= this.#bytesMax ? Buffer.from(chunk) : chunk);
  }

  text(): string {
    return Buffer.concat(this.#parts).toString();
  }

  #push(part: Uint8Array): void {
    this.#bytes += part.byteLength;
    this.isWhole = this.#bytes <= this.#bytesMax;
    if (this.isWhole) this.#parts.push(part as Buffer);
    else this.#parts = [];
  }
}

/** How a chunk of text is written; what Node does not know it refuses itself. */
export function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
}
