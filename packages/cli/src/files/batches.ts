import { LIMITS } from '@pik/schema';

import { type Prepared, type RecordFault, recordText } from './key-field.ts';
import { type FileRecord, isTooLarge } from './record.ts';
import type { RecordFile } from './record-file.ts';

/** A record with the bytes to send, or the reason why it is not sent. */
export interface Entry {
  readonly record: FileRecord;
  readonly sent: { readonly bytes: Uint8Array } | RecordFault;
}

/** Turns the bytes of a record into the bytes to send. */
export type Prepare = (bytes: Uint8Array) => Prepared;

/** Records per request: few enough for a cloud function to admit within its time limit. */
const BATCH_RECORDS = 1_000;
const BATCH_BYTES = 1_000_000;
/** Milliseconds after which a partial batch is sent if records trickle in. */
const LINGER_MS = 200;

/** Groups the records of a file, in file order, into batches of one request each. */
export async function* batches(source: RecordFile, prepare: Prepare): AsyncGenerator<Entry[]> {
  const { records, repeatable } = source;
  let batch = new OpenBatch();
  let pending = records.next();
  // A read error must not count as unhandled before it is awaited.
  pending.catch(() => undefined);
  for (;;) {
    const next = repeatable || batch.entries.length === 0 ? await caught(pending) : await withinLinger(caught(pending));
    if (next === null) {
      yield batch.entries;
      batch = new OpenBatch();
      continue;
    }
    if ('fault' in next || next.value.done === true) {
      if (batch.entries.length > 0) yield batch.entries;
      if ('fault' in next) throw next.fault;
      return;
    }
    for (const record of next.value.value) {
      const entry = { record, sent: sentOf(record, prepare) };
      if (!batch.takes(entry)) {
        yield batch.entries;
        batch = new OpenBatch();
      }
      batch.add(entry);
    }
    pending = records.next();
    pending.catch(() => undefined);
  }
}

type Next = { readonly value: IteratorResult<FileRecord[], void> } | { readonly fault: unknown };

/** Turns a read error into a value, so that the records before it are sent before it is thrown. */
function caught(pending: Promise<IteratorResult<FileRecord[], void>>): Promise<Next> {
  return pending.then(
    (value) => ({ value }),
    (fault: unknown) => ({ fault }),
  );
}

/** The next records, or null if they take longer than `LINGER_MS`. */
async function withinLinger(next: Promise<Next>): Promise<Next | null> {
  let timer: NodeJS.Timeout | undefined;
  const lingered = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), LINGER_MS);
  });
  try {
    return await Promise.race([next, lingered]);
  } finally {
    clearTimeout(timer);
  }
}

class OpenBatch {
  readonly entries: Entry[] = [];
  #bytes = 0;
  /** True if the records span several lines and go as a JSON array; null before the first record. */
  #spansLines: boolean | null = null;

  takes({ sent }: Entry): boolean {
    if (this.entries.length >= BATCH_RECORDS) return false;
    if (!('bytes' in sent) || this.#spansLines === null) return true;
    return this.#bytes + sent.bytes.length <= BATCH_BYTES && this.#spansLines === spansLines(sent.bytes);
  }

  add(entry: Entry): void {
    this.entries.push(entry);
    if (!('bytes' in entry.sent)) return;
    this.#bytes += entry.sent.bytes.length;
    this.#spansLines ??= spansLines(entry.sent.bytes);
  }
}

function spansLines(bytes: Uint8Array): boolean {
  return bytes.includes(0x0a);
}

function sentOf({ bytes, size }: FileRecord, prepare: Prepare): Entry['sent'] {
  if (bytes === null) return tooLarge(size);
  const prepared = prepare(bytes);
  if (!('bytes' in prepared)) return prepared;
  if (isTooLarge(prepared.bytes.length)) return tooLarge(prepared.bytes.length);
  // A record that spans lines goes inside an array, where one invalid record would spoil the whole request.
  if (spansLines(bytes) && recordText(bytes) === null)
    return { code: 'UTF8_INVALID', detail: 'the record spans lines and is not UTF-8' };
  return prepared;
}

function tooLarge(size: number): RecordFault {
  return { code: 'EVENT_TOO_LARGE', detail: `the record has ${size} bytes; the limit is ${LIMITS.event_bytes_max}` };
}
