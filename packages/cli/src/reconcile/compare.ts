import { type Entry, isSameValue } from './entry.ts';

/** A difference between the kit and the other store. */
export interface Difference {
  readonly id: string;
  readonly kind: 'MISSING_HERE' | 'MISSING_THERE' | 'DIFFERENT';
  /** Why, such as `REJECTED TIME_INVALID`; `docs/reconcile.md` lists them. */
  readonly cause: string;
  readonly here: string | null;
  readonly there: string | null;
  /** PACK/LINE of the receipt that shows the cause. */
  readonly receipt: string | null;
}

/** Ids that a comparison has seen. */
export interface Totals {
  here: number;
  there: number;
  same: number;
  missing_here: number;
  missing_there: number;
  different: number;
}

/** Parts of a comparison. */
export interface Compared {
  /** In order of id. */
  readonly here: AsyncIterable<Entry>;
  /** In order of id. */
  readonly there: AsyncIterable<Entry>;
  /** Receipts received later than this may be missing in the other store; RFC 3339. */
  readonly recentFrom: string;
}

/** Receipts of one id that are held in memory; further ones show nothing new. */
const RECEIPTS_MAX = 20;

/** Compares two sorted streams in one pass, and adds to `totals` what it sees. */
export async function* compareSorted(compared: Compared, totals: Totals): AsyncGenerator<Difference> {
  const here = groups(compared.here);
  const there = groups(compared.there);
  let [ours, theirs] = [await here.next(), await there.next()];
  while (ours.done !== true || theirs.done !== true) {
    const id = leastOf(ours.value?.id, theirs.value?.id);
    const receipts = ours.value?.id === id ? ours.value.entries : [];
    const records = theirs.value?.id === id ? theirs.value.entries : [];
    const difference = differenceOf(id, { receipts, records, recentFrom: compared.recentFrom });
    count(totals, { receipts, records, difference });
    if (difference !== null) yield difference;
    if (receipts.length > 0) ours = await here.next();
    if (records.length > 0) theirs = await there.next();
  }
}

const leastOf = (a: string | undefined, b: string | undefined): string =>
  a === undefined ? (b ?? '') : b === undefined || a < b ? a : b;

const isStored = ({ state }: Entry) => state === 'ACCEPTED' || state === 'DUPLICATE';

interface Group {
  readonly receipts: readonly Entry[];
  readonly records: readonly Entry[];
}

function count(totals: Totals, { receipts, records, difference }: Group & { difference: Difference | null }): void {
  if (receipts.some(isStored)) totals.here++;
  if (records.length > 0) totals.there++;
  if (difference === null) {
    if (records.length > 0) totals.same++;
  } else if (difference.kind === 'MISSING_HERE') totals.missing_here++;
  else if (difference.kind === 'MISSING_THERE') totals.missing_there++;
  else totals.different++;
}

function differenceOf(
  id: string,
  { receipts, records, recentFrom }: Group & { recentFrom: string },
): Difference | null {
  const stored = receipts.filter(isStored);
  const latest = stored.toSorted((a, b) => ((a.received_at ?? '') < (b.received_at ?? '') ? 1 : -1))[0];
  const record = records[0];
  if (latest === undefined) return record === undefined ? null : missingHere(record, receipts);
  if (record === undefined) {
    const cause = latest.is_deletion ? null : (latest.received_at ?? '') >= recentFrom ? 'RECENT' : 'NOT_THERE';
    if (cause === null) return null;
    return { id, kind: 'MISSING_THERE', cause, here: latest.value, there: null, receipt: latest.place };
  }
  if (latest.is_deletion)
    return { id, kind: 'DIFFERENT', cause: 'DELETED_HERE', here: null, there: record.value, receipt: latest.place };
  return different(latest, { record, receipts });
}

function missingHere({ id, value }: Entry, receipts: readonly Entry[]): Difference {
  const [refused] = receipts;
  const cause = refused === undefined ? 'NOT_RECEIVED' : `${refused.state} ${refused.code ?? ''}`.trim();
  return { id, kind: 'MISSING_HERE', cause, here: null, there: value, receipt: refused?.place ?? null };
}

function different(
  latest: Entry,
  { record, receipts }: { record: Entry; receipts: readonly Entry[] },
): Difference | null {
  const [ours, theirs] = [latest.value, record.value];
  if (ours === null || theirs === null || isSameValue(ours, theirs)) return null;
  const like = receipts.find(({ value }) => value !== null && isSameValue(value, theirs));
  const cause = like === undefined ? 'CONTENT_DIFFERS' : isStored(like) ? 'OLDER_THERE' : `${like.state}_HERE`;
  const { place } = like ?? latest;
  return { id: latest.id, kind: 'DIFFERENT', cause, here: ours, there: theirs, receipt: place };
}

/** The entries of equal ids together. */
async function* groups(entries: AsyncIterable<Entry>): AsyncGenerator<{ id: string; entries: Entry[] }> {
  let group: { id: string; entries: Entry[] } | null = null;
  for await (const entry of entries) {
    if (group !== null && group.id !== entry.id) {
      yield group;
      group = null;
    }
    group ??= { id: entry.id, entries: [] };
    if (group.entries.length < RECEIPTS_MAX) group.entries.push(entry);
  }
  if (group !== null) yield group;
}
