import { at, KitError } from '@pik/schema';
import { inParallel } from '../../ports/in-parallel.ts';
import type { SliceRow } from '../../ports/rows.ts';
import type { Deadline } from './calls.ts';
import { directoryEntry } from './days.ts';
import type { Directory } from './directory.ts';
import { receiptsOf, sliceItem } from './index-rows.ts';
import { dayPartition, shardOf, sliceText } from './keys.ts';
import { keyItem, type Table } from './table.ts';
import { binary, dayText, expiry, type Item, number, readBytes, readNumber, readText } from './values.ts';

/** The maximum size of the encoded receipts in one row: a row holds 400 KB. 5,000 receipts take at most two rows. */
const PART_BYTES_MAX = 350_000;

/**
 * Writes a slice: its encoded receipts first, then the row that counts them. If some lines of the request were pending, the
 * slice is written again later with more receipts. They become new rows, so that concurrent readers find the receipts that
 * match the counts. A write with fewer receipts than stored changes nothing.
 */
export async function writeSlice(table: Table, deadline: Deadline, row: SliceRow): Promise<void> {
  const parts = partsOf(row);
  await inParallel(parts, async (part) => {
    await table.put(deadline, part);
  });
  await table.put(deadline, sliceItem(row, parts.length), {
    expression: 'attribute_not_exists(pk) OR n < :n',
    values: { ':n': number(receiptsOf(row)) },
  });
}

function partsOf(row: SliceRow): Item[] {
  const pk = dayPartition('N', { day: row.event_day, shard: shardOf(row.pack_id) });
  const parts: Item[] = [];
  for (let start = 0; start < row.entries.length; start += PART_BYTES_MAX) {
    parts.push({
      ...keyItem({ pk, sk: partText(sliceText(row), receiptsOf(row), parts.length) }),
      v: binary(row.entries.subarray(start, start + PART_BYTES_MAX)),
      ...expiry(Number.POSITIVE_INFINITY, row.expires_ms),
    });
  }
  return parts;
}

/** The sort key of a part: it follows that of its slice. */
function partText(slice: string, receipts: number, part: number): string {
  return `${slice}#${String(receipts).padStart(5, '0')}#${part}`;
}

/** Reads the encoded receipts of slices of one day, in the order of the slices. */
export async function readEntries(
  table: Table,
  deadline: Deadline,
  { slices, day }: { slices: readonly Item[]; day: number },
): Promise<Uint8Array[]> {
  const byShard = new Map<number, Item[]>();
  for (const slice of slices) {
    const shard = shardOf(readText(slice, 'sk'));
    byShard.set(shard, [...(byShard.get(shard) ?? []), slice]);
  }
  const parts = new Map<string, Uint8Array>();
  await inParallel([...byShard], async ([shard, some]) => {
    const pk = dayPartition('N', { day, shard });
    const from = readText(at(some, 0), 'sk');
    const to = `${readText(at(some, some.length - 1), 'sk')}#~`;
    let beyond: string | null = null;
    do {
      const page = await table.query(deadline, { pk, from, to, beyond });
      for (const row of page.rows) parts.set(readText(row, 'sk'), readBytes(row, 'v'));
      beyond = page.reached;
    } while (beyond !== null);
  });
  return slices.map((slice) => joinParts(slice, parts));
}

function joinParts(slice: Item, parts: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const found: Uint8Array[] = [];
  for (let part = 0; part < readNumber(slice, 'z'); part++) {
    const bytes = parts.get(partText(readText(slice, 'sk'), readNumber(slice, 'n'), part));
    // They were durable before the row that counts them.
    if (bytes === undefined) throw new KitError('INDEX_UNAVAILABLE', 'the receipts of a slice are missing');
    found.push(bytes);
  }
  const [only] = found;
  return found.length === 1 && only !== undefined ? only : Uint8Array.from(Buffer.concat(found));
}

/** A slice as it was found, and its day. */
export interface FoundSlice {
  readonly item: Item;
  readonly day: number;
}

/** For each slice, the lines whose entries may be outdated, with their event ids. Reads only days that have rechecks. */
export async function rechecksOf(
  { table, deadline }: { table: Table; deadline: Deadline },
  { K: directory }: { K: Directory },
  slices: readonly FoundSlice[],
): Promise<Map<number, string>[]> {
  const found = slices.map(() => new Map<number, string>());
  const [first, last] = [slices[0], slices.at(-1)];
  if (first === undefined || last === undefined) return found;
  const from = dayText(Math.min(first.day, last.day));
  const below = dayText(Math.max(first.day, last.day) + 1);
  const places = await entriesIn(directory, deadline, { from, below });
  const byPlace = Map.groupBy(slices.keys(), (i) => placeOf(at(slices, i)));
  await inParallel([...byPlace], async ([place, some]) => {
    if (!places.has(place)) return;
    const bySlice = new Map(some.map((i) => [readText(at(slices, i).item, 'sk'), i]));
    const keys = [...bySlice.keys()].sort();
    let beyond: string | null = null;
    do {
      const range = { pk: `K#${place}`, from: at(keys, 0), to: `${keys.at(-1)}#~`, beyond };
      const page = await table.query(deadline, range);
      for (const row of page.rows) {
        const sk = readText(row, 'sk');
        const end = sk.lastIndexOf('#');
        const i = bySlice.get(sk.slice(0, end));
        if (i !== undefined) found[i]?.set(Number(sk.slice(end + 1)), readText(row, 'i'));
      }
      beyond = page.reached;
    } while (beyond !== null);
  });
  return found;
}

function placeOf({ item, day }: FoundSlice): string {
  return directoryEntry({ day, shard: shardOf(readText(item, 'sk')) });
}

async function entriesIn(
  directory: Directory,
  deadline: Deadline,
  range: { from: string; below: string },
): Promise<Set<string>> {
  const found = new Set<string>();
  let beyond: string | null = null;
  do {
    const page: Awaited<ReturnType<Directory['list']>> = await directory.list(deadline, {
      ...range,
      beyond,
      descending: false,
    });
    for (const entry of page.entries) found.add(entry);
    beyond = page.next;
  } while (beyond !== null);
  return found;
}
