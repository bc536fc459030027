import { printable } from '@pik/render';
import { counted, KitError } from '@pik/schema';
import { createRecordSender, type RecordSender } from '@pik/sdk';
import { checkRecordMap, type RecordMap } from '@pik/taps';
import { loadModule } from '../load-module.ts';
import { writeErr } from '../output.ts';
import { connection, type GlobalOptions, print } from '../session.ts';
import { createProgress } from '../terminal.ts';
import { batches, type Entry, type Prepare } from './batches.ts';
import { createCompletion } from './complete-record.ts';
import { withKey } from './key-field.ts';
import { KeySurvey } from './key-survey.ts';
import { openMapped, recordsOf } from './mapped-file.ts';
import { nothingSent, openRecords, type RecordFile } from './record-file.ts';
import { sendBatch } from './send-batch.ts';
import { showMapped } from './show-mapped.ts';
import { type Stop, Totals, totalsText } from './totals.ts';

/** Options of `pik ingest` and `pik import`. */
export interface SendFileOptions extends GlobalOptions {
  /** The field whose value becomes the idempotency key of each record. */
  readonly key?: string | undefined;
  readonly backfill: boolean;
  /** A module whose default export is a map: it reads each record, or row of a CSV or Parquet file, as an event. */
  readonly map?: string | undefined;
  /** With a map: show ten events, and send nothing. */
  readonly dryRun?: boolean | undefined;
}

/** Retries until the first answer: shorter, because the server may never have been started. */
const FIRST_DEADLINE_MS = 10_000;
const DEADLINE_MS = 60_000;

/**
 * Sends the records of a file unchanged, one batch after another, so the backend admits them in file order. True if
 * every record was taken.
 *
 * @throws KitError `FILE_INVALID` with nothing sent; after printing the totals, the error that ended the work early.
 */
export async function sendFile(file: string, options: SendFileOptions): Promise<boolean> {
  const { key, backfill, dryRun = false } = options;
  const map = options.map === undefined ? null : await loadMap(options.map);
  if (map === null && dryRun)
    throw new KitError('CONFIG_INVALID', '--dry-run shows what a map reads; name one with --map');
  if (map !== null && key !== undefined) throw new KitError('CONFIG_INVALID', '--key is for files without --map');
  if (map !== null && dryRun) return showMapped(file, map, options);
  const complete = createCompletion();
  const asItIs = backfill || map !== null;
  const prepare: Prepare =
    key !== undefined ? (bytes) => withKey(bytes, key) : (bytes) => (asItIs ? { bytes } : { bytes: complete(bytes) });
  const startedMs = performance.now();
  const rows = { leftOut: 0 };
  const source =
    map === null
      ? await openChecked(file, options)
      : recordsOf(await openMapped(file, map), () => {
          rows.leftOut += 1;
        });
  const totals = new Totals(source);
  const sender = createRecordSender({
    ...connection(options),
    backfill,
    mapped: map !== null,
    deadlineMs: DEADLINE_MS,
  });
  const progress = createProgress(backfill ? 'importing' : 'sending', source.size);
  try {
    await sendAll({ source, prepare, sender, totals, key, onBytes: (count) => progress.add(count) });
  } finally {
    progress.stop();
  }
  const leftOut = map === null ? {} : { left_out: rows.leftOut };
  print(options, { ...totalsJson(source, totals, options), ...leftOut }, () =>
    [
      totalsText(totals, performance.now() - startedMs),
      ...(rows.leftOut === 0 ? [] : [`${rows.leftOut} left out by the map`]),
    ].join('\n'),
  );
  if (totals.stop !== null) throw cutShort(source, totals, totals.stop);
  return totals.allFine;
}

async function loadMap(file: string): Promise<RecordMap> {
  return checkRecordMap(await loadModule(file), file);
}

/**
 * Opens a file. If it can be read twice and something needs checking (can all of it be decompressed, does its array
 * end, does every record have the key field), reads it once before anything is sent.
 */
async function openChecked(file: string, { key }: SendFileOptions): Promise<RecordFile> {
  const source = await openRecords(file);
  if (!source.repeatable || (!source.gzip && source.form === 'lines' && key === undefined)) return source;
  const progress = createProgress('checking', source.size);
  const survey = key === undefined ? null : new KeySurvey(source, key);
  let reported = 0;
  try {
    for await (const records of source.records) {
      for (const record of records) survey?.add(record);
      progress.add(source.bytesRead() - reported);
      reported = source.bytesRead();
    }
  } catch (error) {
    throw nothingSent(error, source);
  } finally {
    progress.stop();
  }
  say(survey?.end() ?? null);
  return openRecords(file);
}

function say(note: string | null): void {
  if (note !== null) writeErr(`${printable(note)}\n`);
}

interface Sending {
  readonly source: RecordFile;
  readonly prepare: Prepare;
  readonly sender: RecordSender;
  readonly totals: Totals;
  readonly key: string | undefined;
  readonly onBytes: (count: number) => void;
}

/** Reads the next batch while one is in flight; sends it once the previous batch has its outcomes. */
async function sendAll({ source, prepare, sender, totals, key, onBytes }: Sending): Promise<void> {
  let sending = Promise.resolve();
  let reported = 0;
  const send = async (batch: readonly Entry[]) => {
    const deadlineMs = totals.records === 0 ? FIRST_DEADLINE_MS : DEADLINE_MS;
    const firstPlace = totals.records + 1;
    totals.add(batch, await sendBatch(sender, batch, { deadlineMs, firstPlace }));
    onBytes(source.bytesRead() - reported);
    reported = source.bytesRead();
  };
  let isFirst = true;
  try {
    for await (const batch of batches(source, prepare)) {
      await sending;
      if (totals.stop !== null) return;
      if (isFirst && key !== undefined && !source.repeatable) surveyBatch(source, batch, key);
      isFirst = false;
      sending = send(batch);
      // Awaited in the next round; until then its error must not count as unhandled.
      sending.catch(() => undefined);
    }
  } catch (error) {
    await sending;
    if (isFirst || !KitError.is(error)) throw error;
    totals.stop ??= { error, place: null };
  } finally {
    source.close();
  }
  await sending;
}

/** Standard input can be read only once, so this checks only the first batch. */
function surveyBatch(source: RecordFile, batch: readonly Entry[], key: string): void {
  const survey = new KeySurvey(source, key);
  for (const { record } of batch) survey.add(record);
  say(survey.end());
}

function cutShort({ name }: RecordFile, totals: Totals, { error, place }: Stop): KitError {
  const before = `${counted(totals.taken, 'record')} before that ${totals.taken === 1 ? 'was' : 'were'} taken`;
  const again = totals.taken === 0 ? '' : '; run it again to continue: records already taken count as repeats';
  return new KitError(error.code, `${place ?? name}: ${error.message}; ${before}${again}`, { cause: error });
}

function totalsJson(source: RecordFile, totals: Totals, { backfill }: SendFileOptions): object {
  const { records, taken, counts, stop } = totals;
  return {
    file: source.name,
    form: source.form,
    records,
    // The same counts as a producer's statistics.
    ...(backfill ? {} : { emitted: records + totals.open, acked: taken, pending: totals.open }),
    counts,
    rejected: totals.listedAs('REJECTED'),
    conflicts: totals.listedAs('CONFLICT'),
    not_taken: totals.listedAs('NOT_SENT', 'UNDELIVERED'),
    stopped: stop === null ? null : { place: stop.place, code: stop.error.code, detail: stop.error.message },
  };
}
