import { printable, tableText } from '@pik/render';
import { counted, type IngestResult, KitError } from '@pik/schema';
import { createRecordSender } from '@pik/sdk';
import { openLines } from '../read-lines.ts';
import { connection, type GlobalOptions, print } from '../session.ts';
import { createProgress } from '../terminal.ts';

/** How a file is sent. */
export interface SendFileOptions extends GlobalOptions {
  /** The field whose value becomes the idempotency key of each record. */
  readonly key?: string;
  readonly backfill: boolean;
}

const BATCH_RECORDS = 500;
const BATCH_CHARS = 1_000_000;
const BATCHES_IN_FLIGHT = 4;
const NAMED_REJECTS = 10;

interface Totals {
  readonly counts: Record<string, number>;
  readonly rejected: { line: number; code: string; detail: string }[];
}

/** Sends the records of a file as they are; true when every one of them was taken. */
export async function sendFile(file: string, options: SendFileOptions): Promise<boolean> {
  const sender = createRecordSender({ ...connection(options), backfill: options.backfill });
  const source = openLines(file);
  const progress = createProgress(options.backfill ? 'importing' : 'sending', source.bytes);
  const totals: Totals = { counts: {}, rejected: [] };
  const startedMs = performance.now();
  const flights = new Set<Promise<void>>();
  let reported = 0;
  const report = () => {
    progress.add(source.bytesRead() - reported);
    reported = source.bytesRead();
  };
  try {
    for await (const batch of batches(source.lines, options.key)) {
      const flight = sender.send(batch.records).then((results) => tally(totals, results, batch.firstLine));
      const tracked = flight.finally(() => flights.delete(tracked)).then(report);
      flights.add(tracked);
      // An error surfaces at the race or at the end; until then it must not count as unhandled.
      tracked.catch(() => undefined);
      if (flights.size >= BATCHES_IN_FLIGHT) await Promise.race(flights);
    }
    await Promise.all(flights);
  } finally {
    progress.stop();
  }
  print(options, { counts: totals.counts, rejected: totals.rejected }, () =>
    summary(totals, performance.now() - startedMs),
  );
  return (totals.counts.REJECTED ?? 0) === 0;
}

interface Batch {
  readonly firstLine: number;
  readonly records: string[];
}

async function* batches(lines: AsyncIterable<string>, key: string | undefined): AsyncGenerator<Batch> {
  let batch: Batch = { firstLine: 1, records: [] };
  let chars = 0;
  let line = 0;
  for await (const text of lines) {
    line += 1;
    batch.records.push(key === undefined ? text : withKey(text, { field: key, line }));
    chars += text.length;
    if (batch.records.length < BATCH_RECORDS && chars < BATCH_CHARS) continue;
    yield batch;
    batch = { firstLine: line + 1, records: [] };
    chars = 0;
  }
  if (batch.records.length > 0) yield batch;
}

/** Adds the key in front; every byte of the record itself stays as it is. */
export function withKey(text: string, { field, line }: { field: string; line: number }): string {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    // The backend keeps it and says why it cannot be read.
    return text;
  }
  const value = (record as Record<string, unknown> | null)?.[field];
  if ((typeof value !== 'string' && typeof value !== 'number') || value === '') {
    throw new KitError('CONFIG_INVALID', `record ${line} has no field ${field} to take as key`);
  }
  return `{"idempotency_key":${JSON.stringify(String(value))},${text.slice(text.indexOf('{') + 1)}`;
}

function tally(totals: Totals, results: readonly IngestResult[], firstLine: number): void {
  for (const [i, { status, code, detail }] of results.entries()) {
    totals.counts[status] = (totals.counts[status] ?? 0) + 1;
    if (status === 'REJECTED' && totals.rejected.length < NAMED_REJECTS) {
      totals.rejected.push({ line: firstLine + i, code: code ?? '', detail: detail ?? '' });
    }
  }
}

function summary({ counts, rejected }: Totals, tookMs: number): string {
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const lines = [
    `${counted(total, 'record')} in ${(tookMs / 1000).toFixed(1)} s`,
    tableText(['outcome', 'records'], Object.entries(counts)),
  ];
  if (rejected.length > 0)
    lines.push(
      'first rejections:',
      tableText(
        ['record', 'code', 'why'],
        rejected.map((r) => [r.line, r.code, printable(r.detail)]),
      ),
    );
  return lines.join('\n');
}
