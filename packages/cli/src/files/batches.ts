import { LIMITS } from '@pik/schema';

import { type Prepared, type RecordFault, recordText } from './key-field.ts';
import { type FileRecord, isTooLarge } from './record.ts';
import type { RecordFile } from './record-file.ts';

/** A record on its way: the bytes that are sent, or why it is not sent. */
export interface Entry {
  readonly record: FileRecord;
  readonly sent: { readonly bytes: Uint8Array } | RecordFault;
}

/** Makes of the bytes of a record those that are sent. */
export type Prepare = (bytes: Uint8Array) => Prepared;

/** Records of one request: few enough that a function of the cloud admits them in time. */
const BATCH_RECORDS = 1_000;
const BATCH_BYTES = 1_000_000;
/** Milliseconds after which what has come is sent, where records come as they happen. */
const LINGER_MS = 200;

/** The records of a file in its order, in parts that can go in one request each. */
export async function* batches(source: RecordFile, prepare: Prepare): AsyncGenerator<Entry[]> {
  const { records, repeatable } = source;
  let batch = new OpenBatch();
  let pending = records.next();
  // Until it is awaited, a fault of the file must not count as one that nobody handles.
  pending.catch(() => undefined);
  for (;;) {
    const next = repeatable || batch.entries.length === 0 ? await settled(pending) : await soon(settled(pending));
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

/** What was read before a fault of the file is sent before it is thrown. */
function settled(pending: Promise<IteratorResult<FileRecord[], void>>): Promise<Next> {
  return pending.then(
    (value) => ({ value }),
    (fault: unknown) => ({ fault }),
  );
}

/** The next records, or null where they keep others waiting. */
async function soon(next: Promise<Next>): Promise<Next | null> {
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
  /** Whether its records span lines, so that they go as an array; null before the first. */
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
  // An array is read as one text, so it would take all others with it; and on a line of its own it is none.
  if (spansLines(bytes) && recordText(bytes) === null)
    return { code: 'UTF8_INVALID', detail: 'the record spans lines and is not UTF-8' };
  return prepared;
}

function tooLarge(size: number): RecordFault {
  return { code: 'EVENT_TOO_LARGE', detail: `the record has ${size} bytes; the limit is ${LIMITS.event_bytes_max}` };
}
