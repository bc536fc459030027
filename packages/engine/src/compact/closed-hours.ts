import { floorToHour, MS_PER_DAY, MS_PER_HOUR, packStoredMs } from '@pik/schema';

import { encodeCell } from '../cells/rules/cell-codec.ts';
import { mayMatch } from '../cells/rules/covered-spans.ts';
import { type CellMaker, createCellMaker } from '../cells/rules/make-cells.ts';
import { createSliceMaker } from '../cells/rules/receipts-slices.ts';
import type { Backend } from '../ports/backend.ts';
import type { CellRow, IdentitiesRow } from '../ports/cell-row.ts';
import type {
  CellSource,
  ClosedArrival,
  ClosedHours,
  ClosedReceipt,
  HourRange,
  HourRow,
  HourStore,
  MovedReceipt,
  ReceiptFilter,
} from '../ports/closed-hours.ts';
import type { EventRow } from '../ports/rows.ts';
import { readPages } from '../runtime/pages.ts';
import { readable, readStoredCells, readStoredIdentities, readStoredIntervals } from './cells-file.ts';
import { dayOf, readDayCells, readDayIdentities, readDayIntervals } from './day-file.ts';
import { hasOwnFiles, readHourFile } from './hour-file.ts';
import { readParquet } from './parquet.ts';
import { comparedWith } from './rules/closed-receipts.ts';
import { ARRIVAL_COLUMNS, arrivalsOf, RECEIPTS_FORM, receiptsOf } from './rules/receipt-columns.ts';
import { parseWords } from './rules/words-file.ts';

/** A backend with its closed hours, if it keeps commits of hours. */
export function withClosedHours<B extends Backend>(backend: B): B {
  const { hours, index, files, closedHours } = backend;
  if (hours === undefined || closedHours !== undefined) return backend;
  return { ...backend, closedHours: createClosedHours({ hours, index, files }) };
}

type Parts = Pick<Backend, 'index' | 'files'> & { readonly hours: HourStore };

/**
 * The closed hours of a backend as reports read them. Every file is compared with its hash in the commit row before it is used.
 *
 * @throws KitError `HOUR_DAMAGED` from the reads.
 */
function createClosedHours(parts: Parts): ClosedHours<CellRow> {
  const { hours } = parts;
  return {
    async list(range) {
      const late = new Set<string>();
      const lateHours = new Set<number>();
      for await (const packId of readPages((cursor) => hours.listLate({ ...range, cursor }))) {
        late.add(packId);
        lateHours.add(floorToHour(packStoredMs(packId)));
      }
      const found: HourRow[] = [];
      // A commit with files of another hour would count that hour twice: without it, slices are read.
      for await (const row of readPages((cursor) => hours.list({ ...range, cursor })))
        if (hasOwnFiles(row)) found.push(row);
      return found.map((row) => ({
        ...row,
        hasLate: lateHours.has(row.hour_ms),
        covers: (packId) => floorToHour(packStoredMs(packId)) === row.hour_ms && !late.has(packId),
      }));
    },
    readCells: (hour) => readCells(parts, hour),
    readDay: (hours) => readDay(parts, hours),
    readIdentities: (cells) => readIdentities(parts, cells),
    readIntervals: ({ hours: of, isDay }) => {
      const [first] = of;
      if (first === undefined) return Promise.resolve(null);
      return isDay ? readDayIntervals(parts, of) : readStoredIntervals(parts, first);
    },
    readReceipts: (hour, filter) => readReceipts(parts, hour, filter),
    readArrivals: (hour) => readArrivals(parts, hour),
    async readWords(file) {
      const bytes = await readHourFile(parts, file);
      return readable(file.key, async () => parseWords(bytes));
    },
  };
}

/** The cells of the receipts that do not move, and of the moved ones as they are now. */
async function readCells(parts: Parts, hour: HourRow): Promise<readonly CellRow[]> {
  const moves = await movesIn(parts, hour);
  if (moves.size === 0 && hour.moved_file === null) return readStoredCells(parts, hour);
  const moved: ClosedReceipt[] = [];
  if (hour.moved_file !== null)
    for await (const receipt of readFile(parts, hour.moved_file)) moved.push(compared(receipt, moves));
  const known = new Set(moved.map(addressOf));
  // More receipts have moved since the cells were made, and the cells still count some of them.
  if ([...moves.keys()].some((address) => !known.has(address)))
    return (await makerOf(readReceipts(parts, hour))).rows();
  // Their order among the other receipts is not known.
  const ofMoved = (await makerOf(moved)).cells();
  return [...(await readStoredCells(parts, hour)), ...ofMoved.map((cell) => encodeCell(cell))];
}

/** Day cells count all receipts as they were when the cells of the hours were made. */
async function readDay(parts: Parts, hours: readonly HourRow[]): Promise<readonly CellRow[] | null> {
  const [first] = hours;
  if (first === undefined) return null;
  const fromMs = dayOf(first);
  return (await mayHaveMoved(parts, hours, { fromMs, toMs: fromMs + MS_PER_DAY })) ? null : readDayCells(parts, hours);
}

async function readIdentities(parts: Parts, { hours, isDay }: CellSource): Promise<readonly IdentitiesRow[] | null> {
  const [first] = hours;
  if (first === undefined) return null;
  const [fromMs, length] = isDay ? [dayOf(first), MS_PER_DAY] : [first.hour_ms, MS_PER_HOUR];
  if (await mayHaveMoved(parts, hours, { fromMs, toMs: fromMs + length })) return null;
  return isDay ? readDayIdentities(parts, hours) : readStoredIdentities(parts, first);
}

async function mayHaveMoved(parts: Parts, hours: readonly HourRow[], range: HourRange): Promise<boolean> {
  if (hours.some(({ moved_file }) => moved_file !== null)) return true;
  return (await parts.hours.listMoved(range)).items.length > 0;
}

async function makerOf(receipts: AsyncIterable<ClosedReceipt> | Iterable<ClosedReceipt>): Promise<CellMaker> {
  const slices = createSliceMaker();
  for await (const receipt of receipts) if (receipt.answered !== 'REJECTED') slices.add(receipt);
  const maker = createCellMaker();
  for (const slice of slices.slices()) maker.add(slice);
  return maker;
}

async function* readReceipts(parts: Parts, hour: HourRow, filter: ReceiptFilter = {}): AsyncGenerator<ClosedReceipt> {
  const moves = await movesIn(parts, hour);
  for (const file of hour.columns) {
    if (!mayMatch(file.zone, filter)) continue;
    for await (const receipt of readFile(parts, file, filter)) yield compared(receipt, moves);
  }
}

/** Reads a few columns only, unless receipts may have moved. */
async function* readArrivals(parts: Parts, hour: HourRow): AsyncGenerator<ClosedArrival> {
  if ((await movesIn(parts, hour)).size > 0) {
    for await (const receipt of readReceipts(parts, hour)) if (receipt.outcome === 'ACCEPTED') yield receipt;
    return;
  }
  for (const file of hour.columns) {
    const bytes = await readHourFile(parts, file);
    const columns = () => readParquet(bytes, RECEIPTS_FORM, ARRIVAL_COLUMNS);
    yield* await readable(file.key, async () => arrivalsOf(await columns()));
  }
}

async function* readFile(
  { files }: Parts,
  file: HourRow['columns'][number] | NonNullable<HourRow['moved_file']>,
  filter?: ReceiptFilter,
): AsyncGenerator<ClosedReceipt> {
  const bytes = await readHourFile({ files }, file);
  yield* await readable(file.key, async () => receiptsOf(await readParquet(bytes, RECEIPTS_FORM), filter));
}

const addressOf = ({ pack_id, line }: { pack_id: string; line: number }) => `${pack_id}/${line}`;

/** The receipts of an hour that may have moved, with the first receipts of now; null for those that have expired. */
async function movesIn({ hours, index }: Parts, { hour_ms }: HourRow): Promise<ReadonlyMap<string, EventRow | null>> {
  const moves = new Map<string, EventRow | null>();
  const range = { fromMs: hour_ms, toMs: hour_ms + MS_PER_HOUR };
  let cursor: string | null = null;
  do {
    const page: { items: readonly MovedReceipt[]; next: string | null } = await hours.listMoved({ ...range, cursor });
    const firsts = await index.getEvents(page.items.map(({ event_id }) => event_id));
    for (const [i, moved] of page.items.entries()) moves.set(addressOf(moved), firsts[i] ?? null);
    cursor = page.next;
  } while (cursor !== null);
  return moves;
}

function compared(receipt: ClosedReceipt, moves: ReadonlyMap<string, EventRow | null>): ClosedReceipt {
  if (receipt.answered === 'REJECTED' || moves.size === 0) return receipt;
  const first = moves.get(addressOf(receipt)) ?? null;
  return first === null ? receipt : comparedWith(receipt, first);
}
