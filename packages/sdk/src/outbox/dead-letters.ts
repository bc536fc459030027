import { join } from 'node:path';

import { at, type KitError } from '@pik/schema/events';
import { writeAll } from './files.ts';
import type { DeadLetterReason, OutboxRecord } from './outbox-port.ts';
import type { OutboxLocation } from './quarantine.ts';
import { diskError, type Reporter } from './reports.ts';

const CHUNK_BYTES = 64 * 1024;
const DETAIL_CHARS_MAX = 1_000;
const LINE_FEED = 0x0a;

interface Letter {
  readonly line: string;
  readonly resolve: (outcome: KitError | null) => void;
}

/** The file of records that the backend will never accept: one JSON line each, appended and synced, never rewritten. */
export class DeadLetters {
  readonly #location: OutboxLocation;
  readonly #path: string;
  #fd: number | null = null;
  #bytes = 0;
  #count = 0;
  /** Whether the last line is incomplete; the next letter then starts a new line. */
  #isTorn = false;
  #waiting: Letter[] = [];
  #running: Promise<void> | null = null;

  constructor(location: OutboxLocation) {
    this.#location = location;
    this.#path = join(location.dir, 'dead-letters.ndjson');
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Opens the file if it exists, and counts its lines. */
  async start(report: Reporter): Promise<void> {
    const fd = await this.#location.files.open(this.#path, 'existing').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (fd === null) return;
    this.#fd = fd;
    await this.#countLines(fd);
    if (this.#isTorn) {
      const detail = 'the last dead letter was cut off; its record is still pending';
      report({ kind: 'dead_letter_torn', detail, file: this.#path });
    }
  }

  /**
   * Resolves with null when the letter is durable, or with the reason why not. Letters that wait together share an
   * fsync.
   */
  add({ position, record }: OutboxRecord, { code, detail }: DeadLetterReason): Promise<KitError | null> {
    const head = { dead_at: new Date().toISOString(), position, code, detail: detail.slice(0, DETAIL_CHARS_MAX) };
    const line = `${JSON.stringify({ ...head, ...bodyOf(record) })}\n`;
    return new Promise((resolve) => {
      this.#waiting.push({ line, resolve });
      this.#running ??= this.#run();
    });
  }

  async close(): Promise<void> {
    await this.#running;
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) await this.#location.files.close(fd).catch(() => undefined);
  }

  async #countLines(fd: number): Promise<void> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let last = LINE_FEED;
    for (;;) {
      const length = await this.#location.files.read(fd, chunk, this.#bytes);
      if (length === 0) break;
      this.#bytes += length;
      this.#count += linesOf(chunk.subarray(0, length));
      last = at(chunk, length - 1);
    }
    this.#isTorn = last !== LINE_FEED;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const letters = this.#waiting.splice(0);
      const outcome = await this.#write(letters).catch((cause: unknown) => this.#failed(cause));
      for (const { resolve } of letters) resolve(outcome);
    }
    this.#running = null;
  }

  async #write(letters: readonly Letter[]): Promise<null> {
    const { files } = this.#location;
    const fd = await this.#open();
    const text = letters.map(({ line }) => line).join('');
    const bytes = Buffer.from(this.#isTorn ? `\n${text}` : text);
    await writeAll(files, fd, { bytes, position: this.#bytes });
    await files.sync(fd);
    this.#isTorn = false;
    this.#bytes += bytes.length;
    this.#count += letters.length;
    return null;
  }

  async #open(): Promise<number> {
    const { files, dir } = this.#location;
    if (this.#fd !== null) return this.#fd;
    const isNew = this.#bytes === 0;
    this.#fd = await files.open(this.#path, isNew ? 'new' : 'existing');
    if (isNew) await files.syncDir(dir);
    return this.#fd;
  }

  /**
   * Bytes written before the failure may exist in full, in part or not at all, so the next letter starts on a new line
   * after them.
   */
  async #failed(cause: unknown): Promise<KitError> {
    const { files } = this.#location;
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) await files.close(fd).catch(() => undefined);
    this.#bytes = await files.size(this.#path).catch(() => this.#bytes);
    this.#isTorn = this.#bytes > 0;
    return diskError(cause, 'a dead letter could not be stored');
  }
}

/** The record as text, or in base64 if it is not valid UTF-8, so that no byte is lost. */
function bodyOf(record: Uint8Array): { record: string } | { record_base64: string } {
  try {
    return { record: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(record) };
  } catch {
    return { record_base64: Buffer.from(record).toString('base64') };
  }
}

function linesOf(bytes: Buffer): number {
  let count = 0;
  for (let i = bytes.indexOf(LINE_FEED); i !== -1; i = bytes.indexOf(LINE_FEED, i + 1)) count += 1;
  return count;
}
