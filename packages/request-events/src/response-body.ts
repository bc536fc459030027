/** Collects the parts of a response body as they pass, up to a bound. */
export class ResponseBody {
  readonly #bytesMax: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** True if the body is complete. */
  isComplete = true;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes a copy: the caller may reuse its buffer. */
  add(chunk: unknown, encoding: unknown): void {
    if (!this.isComplete) return;
    if (typeof chunk === 'string') this.#push(Buffer.from(chunk, encodingOf(encoding)));
    else if (chunk instanceof Uint8Array) this.#push(chunk.byteLength <= this.#bytesMax ? Buffer.from(chunk) : chunk);
  }

  text(): string {
    return Buffer.concat(this.#parts).toString();
  }

  #push(part: Uint8Array): void {
    this.#bytes += part.byteLength;
    this.isComplete = this.#bytes <= this.#bytesMax;
    if (this.isComplete) this.#parts.push(part);
    else this.#parts = [];
  }
}

/** The encoding of a text chunk; Node itself refuses unknown ones. */
export function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
}
