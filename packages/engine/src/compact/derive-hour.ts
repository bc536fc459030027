import { KitError, LIMITS } from '@pik/schema';

import { createIdentitiesMaker } from '../cells/rules/identities.ts';
import { createIntervalsMaker } from '../cells/rules/intervals.ts';
import { createCellMaker } from '../cells/rules/make-cells.ts';
import { eventRows } from '../ingest/rules/outcomes.ts';
import { sequenceRows } from '../ingest/rules/sequences.ts';
import { parsedEnvelope } from '../ingest/sweep.ts';
import type { ClosedReceipt, ColumnFile, ColumnZone, HourFile, HourStore, WordsFile } from '../ports/closed-hours.ts';
import type { PackRow, SequenceRow, SliceRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { wordFilter } from '../search/rules/word-filter.ts';
import { wordHashes } from '../search/rules/words.ts';
import { decodeText, readBytes, sha256Of, unpacked } from '../storage/pack-store.ts';
import { hashName, hourFile } from './hour-file.ts';
import { parquetBytes } from './parquet.ts';
import { CELLS_FORM, cellColumns } from './rules/cell-columns.ts';
import { closedReceipts, slicePlaces, sliceWithout } from './rules/closed-receipts.ts';
import type { Column } from './rules/column.ts';
import { type DerivedKind, derivedKey, type PackSalts } from './rules/hour-files.ts';
import { IDENTITIES_FORM, identityColumns } from './rules/identity-columns.ts';
import { INTERVALS_FORM, intervalColumns } from './rules/interval-columns.ts';
import type { PackLeaf } from './rules/merkle.ts';
import { RECEIPTS_FORM, receiptColumns } from './rules/receipt-columns.ts';
import { wordsBytes } from './rules/words-file.ts';
import { saltedRoot } from './salts.ts';

/** An hour to derive files from: its packs with their outcomes, and the seeds of their salts. */
export interface HourParts {
  readonly hourMs: number;
  readonly generation: number;
  readonly packs: readonly PackRow[];
  readonly seeds: ReadonlyMap<string, PackSalts>;
  /** The lines of its packs whose receipts are in the file of moved receipts instead of in the cells. */
  readonly moved: ReadonlyMap<string, ReadonlySet<number>>;
}

/** The derived files of an hour, stored, and the leaves of its packs. */
export interface DerivedHour {
  readonly leaves: readonly PackLeaf[];
  readonly erased?: number;
  readonly cells_file: HourFile;
  readonly identities_file: HourFile;
  readonly intervals_file: HourFile;
  readonly columns: readonly ColumnFile[];
  readonly moved_file: HourFile | null;
  readonly moved: number;
  readonly words: readonly WordsFile[];
}

/**
 * Reads the packs of an hour once, in the order of their ids, and stores the files that are derived from them. The same packs give the same
 * files, under the same names.
 *
 * @throws KitError `RAW_MISSING`, `RAW_CORRUPT` for a pack that is not as its PACK row says, `INDEX_CORRUPT` if slices lack receipts.
 */
export async function deriveHour(context: Context, hours: HourStore, hour: HourParts): Promise<DerivedHour> {
  const store = fileWriter(context, hour);
  const cells = createCellMaker();
  const identities = createIdentitiesMaker();
  const intervals = createIntervalsMaker();
  const leaves: PackLeaf[] = [];
  const columns: ColumnFile[] = [];
  const moved: ClosedReceipt[] = [];
  const words = wordsWriter(context, hour);
  let erased = 0;
  let waiting: ClosedReceipt[] = [];
  const flush = async () => {
    if (waiting.length === 0) return;
    columns.push({ ...(await store('receipts', receiptColumns(waiting), RECEIPTS_FORM)), zone: zoneOf(waiting) });
    waiting = [];
  };
  for (const pack of hour.packs) {
    await context.budget.turn();
    const read = await readClosedPack(context, hours, pack);
    const seed = hour.seeds.get(pack.pack_id);
    if (seed === undefined) throw new KitError('INTERNAL', `the pack ${pack.pack_id} has no seed`);
    leaves.push({ pack_id: pack.pack_id, outcomes: pack.outcomes, root: saltedRoot(seed, read.text) });
    erased += read.erased;
    await words.add(pack.pack_id, read.text);
    for (const row of read.sequences) intervals.add(row);
    const lines = hour.moved.get(pack.pack_id) ?? NONE;
    for (const slice of read.slices) {
      const rest = sliceWithout(slice, lines);
      if (rest === null) continue;
      cells.add(rest);
      identities.add(rest);
    }
    for (const receipt of read.receipts) if (lines.has(receipt.line)) moved.push(receipt);
    for (const receipt of read.receipts) waiting.push(receipt);
    if (waiting.length >= LIMITS.column_file_receipts_max) await flush();
  }
  await flush();
  return {
    leaves,
    ...(erased === 0 ? {} : { erased }),
    columns,
    cells_file: await store('cells', cellColumns(cells.rows()), CELLS_FORM),
    identities_file: await store('identities', identityColumns(identities.rows()), IDENTITIES_FORM),
    intervals_file: await store('intervals', intervalColumns(intervals.rows()), INTERVALS_FORM),
    moved_file: moved.length === 0 ? null : await store('moved', receiptColumns(moved), RECEIPTS_FORM),
    moved: moved.length,
    words: await words.end(),
  };
}

const NONE: ReadonlySet<number> = new Set();

/** Stores files of columns under names that follow from their bytes. */
function fileWriter({ backend }: Context, { hourMs, generation }: HourParts) {
  return async (kind: DerivedKind, columns: readonly Column[], form: string): Promise<HourFile> => {
    const bytes = parquetBytes(columns, form);
    const key = derivedKey(kind, { hourMs, generation, name: hashName(bytes) });
    await backend.files.put(key, bytes);
    return hourFile(key, bytes);
  };
}

/** Stores filters of the words of packs, a number of bytes in a file. */
function wordsWriter({ backend }: Context, { hourMs, generation }: HourParts) {
  const files: WordsFile[] = [];
  let waiting = new Map<string, Uint8Array>();
  let size = 0;
  const flush = async () => {
    const [first_pack_id] = waiting.keys();
    const last_pack_id = [...waiting.keys()].at(-1);
    if (first_pack_id === undefined || last_pack_id === undefined) return;
    const bytes = wordsBytes(waiting);
    const key = derivedKey('words', { hourMs, generation, name: hashName(bytes) });
    await backend.files.put(key, bytes);
    files.push({ ...hourFile(key, bytes), first_pack_id, last_pack_id });
    [waiting, size] = [new Map(), 0];
  };
  return {
    async add(packId: string, text: Buffer): Promise<void> {
      const hashes = wordHashes(text);
      const filter = hashes === null ? new Uint8Array() : wordFilter(hashes);
      waiting.set(packId, filter);
      size += filter.length;
      if (size >= LIMITS.words_file_bytes_max) await flush();
    },
    async end(): Promise<readonly WordsFile[]> {
      await flush();
      return files;
    },
  };
}

interface ClosedPack {
  readonly text: Buffer;
  /** Lines whose receipts were erased. */
  readonly erased: number;
  readonly receipts: readonly ClosedReceipt[];
  readonly slices: readonly SliceRow[];
  readonly sequences: readonly SequenceRow[];
}

async function readClosedPack(context: Context, hours: HourStore, pack: PackRow): Promise<ClosedPack> {
  const { pack_id, outcomes, requests } = pack;
  const bytes = await readBytes(context, pack_id);
  if (bytes.length !== pack.bytes || sha256Of(bytes) !== pack.sha256)
    throw new KitError('RAW_CORRUPT', `the pack ${pack_id} is not as it was admitted`);
  const text = await unpacked(pack_id, bytes);
  const records = decodeText(pack_id, text.toString('utf8')).map(parsedEnvelope);
  const rows = eventRows(records, { ...pack, sequence: null });
  const found = await hours.readSlices(slicePlaces(rows));
  const slices = found.filter((slice) => slice !== null);
  const receipts = closedReceipts({ pack_id, records, rows, outcomes, requests, slices });
  const erased = records.filter((record) => record.erased !== undefined).length;
  if (receipts === null || receipts.length + erased !== records.length)
    throw new KitError('INDEX_CORRUPT', `the rows of the pack ${pack_id} do not have all of its receipts`);
  return { text, erased, receipts, slices, sequences: sequenceRows(records, pack) };
}

function zoneOf(receipts: readonly ClosedReceipt[]): ColumnZone {
  let [eventMin, eventMax] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let [receivedMin, receivedMax] = [eventMin, eventMax];
  for (const receipt of receipts) {
    receivedMin = Math.min(receivedMin, receipt.received_ms);
    receivedMax = Math.max(receivedMax, receipt.received_ms);
    if (receipt.answered === 'REJECTED') continue;
    eventMin = Math.min(eventMin, receipt.event_ms);
    eventMax = Math.max(eventMax, receipt.event_ms);
  }
  const hasEvents = eventMin <= eventMax;
  return {
    receipts: receipts.length,
    event_min_ms: hasEvents ? eventMin : null,
    event_max_ms: hasEvents ? eventMax : null,
    received_min_ms: receivedMin,
    received_max_ms: receivedMax,
  };
}
