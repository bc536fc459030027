import {
  counted,
  floorToHour,
  formatEpochMs,
  KitError,
  LETTER_OUTCOMES,
  LIMITS,
  MS_PER_DAY,
  OUTCOME_LETTERS,
  type OutcomeLetter,
  packStoredMs,
  positionAt,
} from '@pik/schema';
import { isAt } from '../ingest/rules/first-receipt.ts';
import { eventRows } from '../ingest/rules/outcomes.ts';
import type { PackFacts } from '../ingest/rules/pack-facts.ts';
import type { ParsedRecord } from '../ingest/rules/parse-record.ts';
import { parsedEnvelope } from '../ingest/sweep.ts';
import type { EventRow, FailureRow, PackRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { decodeBytes, isPast, sha256Of, storedFacts } from '../storage/pack-store.ts';
import {
  envelopeFaults,
  type IndexedLine,
  isOfEnded,
  lineFaults,
  nextDigest,
  outcomeAt,
  recordedVerdicts,
  sameValue,
  type VerifyFault,
  verifyFault,
} from './rules/verify.ts';
import type { LogPlace, VerifyPart, VerifyPlace } from './verify-part.ts';
import { createSliceCheck, type SliceCheck } from './verify-slices.ts';

/** Packs and receipts per call, so that a call takes seconds at most: the slices of a day are read once for all of them. */
const PACKS_PER_CALL = 5_000;
const RECEIPTS_PER_CALL = 20_000;
/** The rest of the budget is for their slices. */
const PACKS_SHARE = 0.5;
/** A younger pack without a row may still be being ingested. */
const IN_WORK_MS = 60_000;
const EVER_MS = 2 ** 47;

/** Compares the packs of one stored day, or some of them, with the index. */
export async function verifyLog(context: Context, place: VerifyPlace): Promise<VerifyPart> {
  const listed = await nextPacks(context, place.log ?? { fromMs: 0, after: '' });
  const ids: string[] = [];
  const check = {
    context,
    faults: [] as VerifyFault[],
    counts: {} as VerifyPart['counts'],
    receipts: 0,
    slices: createSliceCheck(),
  };
  let { digest } = place;
  for (const packId of listed) {
    // At least one, so that each call makes progress.
    if (ids.length > 0 && isEnough(context, check.receipts)) break;
    ids.push(packId);
    const pack = await context.backend.index.getPack(packId);
    if (pack !== null) digest = nextDigest(digest, pack);
    await checkPack(check, packId, pack);
  }
  for (const one of await check.slices.finish(context)) check.faults.push(one);
  const last = ids.at(-1);
  const part = last === undefined ? 'log' : formatEpochMs(floorToHour(packStoredMs(last))).slice(0, 13);
  const next: VerifyPlace =
    last === undefined
      ? { digest, index: { table: 'addresses', cursor: null } }
      : { digest, log: { fromMs: packStoredMs(last), after: last } };
  return {
    part,
    packs: ids.length,
    receipts: check.receipts,
    versions: 0,
    counts: check.counts,
    faults: check.faults,
    digest,
    next,
  };
}

function isEnough({ budget }: Context, receipts: number): boolean {
  return receipts >= RECEIPTS_PER_CALL || budget.spent() !== null || budget.used().share >= PACKS_SHARE;
}

/** The next packs in log or index, all of one stored day. */
async function nextPacks({ backend }: Context, { fromMs, after }: LogPlace): Promise<string[]> {
  const range = { fromMs, toMs: EVER_MS };
  const ids = new Set<string>();
  for (const id of await firstAfter((cursor) => backend.rawLog.list({ ...range, cursor }), after)) ids.add(id);
  const rows = (cursor: string | null) => backend.index.listPacks({ ...range, cursor });
  const known = await firstAfter(async (cursor) => {
    const page = await rows(cursor);
    return { items: page.items.map(({ pack_id }) => pack_id), next: page.next };
  }, after);
  for (const id of known) ids.add(id);
  const sorted = [...ids].sort().slice(0, PACKS_PER_CALL);
  const first = sorted[0];
  if (first === undefined) return [];
  const dayEnd = (Math.floor(packStoredMs(first) / MS_PER_DAY) + 1) * MS_PER_DAY;
  return sorted.filter((id) => packStoredMs(id) < dayEnd);
}

/** Receipts whose rows are read at a time. */
const LINES_AT_ONCE = 100;

/** Returns ids after a given one. Skips pages without any, since several packs may share a millisecond. */
async function firstAfter(
  read: (cursor: string | null) => Promise<{ items: readonly string[]; next: string | null }>,
  after: string,
): Promise<string[]> {
  let cursor: string | null = null;
  do {
    const page: { items: readonly string[]; next: string | null } = await read(cursor);
    const found = page.items.filter((id) => id > after);
    if (found.length > 0) return found.slice(0, PACKS_PER_CALL);
    cursor = page.next;
  } while (cursor !== null);
  return [];
}

interface Check {
  readonly context: Context;
  readonly faults: VerifyFault[];
  readonly counts: VerifyPart['counts'];
  readonly slices: SliceCheck;
  receipts: number;
}

async function checkPack(check: Check, packId: string, pack: PackRow | null): Promise<void> {
  const { context, faults } = check;
  const stored = await readStored(context, packId);
  if ('fault' in stored) {
    faults.push(stored.fault);
    return;
  }
  const { bytes } = stored;
  if (pack !== null && (sha256Of(bytes) !== pack.sha256 || bytes.length !== pack.bytes)) {
    faults.push(
      verifyFault('RAW_DIFFERS', 'The hash of the stored bytes differs from the one in the index.', {
        pack_id: packId,
      }),
    );
  }
  const read = await readArrivals(packId, bytes);
  if (read === null) {
    faults.push(verifyFault('RAW_CORRUPT', 'The pack cannot be read.', { pack_id: packId }));
    return;
  }
  check.receipts += read.arrivals.length;
  for (const one of envelopeFaults(packId, read.envelopes, read.arrivals)) faults.push(one);
  if (pack === null) notAdmitted(check, packId, read.arrivals.length);
  else
    await checkAdmitted(check, pack, {
      arrivals: read.arrivals,
      facts: storedFacts(context, { packId, bytes, ...read }),
    });
}

/** Reads the stored bytes. A store that detects damage itself throws. */
async function readStored(
  { backend }: Context,
  packId: string,
): Promise<{ bytes: Uint8Array } | { fault: VerifyFault }> {
  const at = { pack_id: packId };
  try {
    const bytes = await backend.rawLog.read(packId);
    if (bytes !== null) return { bytes };
    return { fault: verifyFault('RAW_MISSING', 'The index has this pack, but the log does not.', at) };
  } catch (error) {
    if (!KitError.is(error) || error.code !== 'RAW_CORRUPT') throw error;
    return { fault: verifyFault('RAW_CORRUPT', `The pack cannot be read: ${error.message}.`, at) };
  }
}

async function readArrivals(packId: string, bytes: Uint8Array) {
  try {
    const envelopes = await decodeBytes(packId, bytes);
    return { envelopes, arrivals: envelopes.map(parsedEnvelope) };
  } catch (error) {
    if (KitError.is(error) && error.code === 'RAW_CORRUPT') return null;
    throw error;
  }
}

function notAdmitted(check: Check, packId: string, receipts: number): void {
  if (isPast(check.context, packId)) return;
  check.counts.PENDING = (check.counts.PENDING ?? 0) + receipts;
  if (check.context.backend.clock.now() - packStoredMs(packId) < IN_WORK_MS) return;
  check.faults.push(
    verifyFault('NOT_ADMITTED', 'The receipts of this pack have no outcome yet; the next sweep admits them.', {
      pack_id: packId,
    }),
  );
}

async function checkAdmitted(check: Check, pack: PackRow, read: Parameters<typeof checkLines>[2]): Promise<void> {
  if (!sameValue(pack.requests, read.facts.requests)) {
    const text = 'The PACK row lists other requests than the pack holds.';
    check.faults.push(verifyFault('REQUESTS_DIFFER', text, { pack_id: pack.pack_id }));
  }
  await checkLines(check, pack, read);
}

async function checkLines(
  check: Check,
  pack: PackRow,
  read: { arrivals: readonly ParsedRecord[]; facts: PackFacts },
): Promise<void> {
  const { context, faults, counts } = check;
  const { arrivals, facts } = read;
  const at = { pack_id: pack.pack_id };
  if (pack.outcomes.length !== arrivals.length) {
    faults.push(
      verifyFault(
        'OUTCOME_DIFFERS',
        `The PACK row has ${counted(pack.outcomes.length, 'outcome')} for ${counted(arrivals.length, 'receipt')}.`,
        at,
      ),
    );
  }
  for (const letter of pack.outcomes) {
    const outcome = LETTER_OUTCOMES[letter as OutcomeLetter];
    if (outcome === undefined) faults.push(verifyFault('OUTCOME_DIFFERS', 'The PACK row has an unknown outcome.', at));
    else counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  const expected = new Map(eventRows(arrivals, facts).map((row) => [row.line, row]));
  const failures = await failuresOf(context, pack);
  const firsts: (EventRow | null)[] = [];
  const ended = new Set<number>();
  const hasRetention = Number.isFinite(context.indexRetentionMs);
  for (let start = 0; start < arrivals.length; start += LINES_AT_ONCE) {
    const some = arrivals.slice(start, start + LINES_AT_ONCE).map((arrival, i) => ({ arrival, line: start + i }));
    const found = await indexedLines(
      context,
      some.map(({ line }) => expected.get(line) ?? null),
    );
    for (const [i, { arrival, line }] of some.entries()) {
      const indexed = found[i] ?? rejectedLine(failures, line);
      firsts.push(indexed.event);
      // After its retention, a new event may have replaced the event, or it may be gone.
      if (isPast(context, pack.pack_id)) continue;
      const row = expected.get(line) ?? null;
      const outcome = outcomeAt(pack, line);
      if (isOfEnded(outcome, indexed.event, hasRetention)) ended.add(line);
      for (const one of lineFaults({ expected: row, arrival, outcome, hasRetention }, indexed, { ...at, line }))
        faults.push(one);
      if (row?.rule === 'key' && indexed.event !== null && isAt(row, indexed.event))
        for (const one of await pointerFaults(context, row)) faults.push(one);
    }
  }
  if (!isPast(context, pack.pack_id))
    check.slices.expect([...expected.values()], { verdicts: recordedVerdicts(pack, firsts), facts, arrivals, ended });
}

/** Reads the REJECT rows of a pack by line, all at once: the receipts of a live request share one receive time. */
async function failuresOf({ backend }: Context, pack: PackRow): Promise<Map<number, FailureRow>> {
  const found = new Map<number, FailureRow>();
  if (!pack.outcomes.includes(OUTCOME_LETTERS.REJECTED)) return found;
  const range = { fromMs: pack.received_min_ms, toMs: pack.received_max_ms + 1, limit: LIMITS.page_items_max };
  for await (const row of readPages((cursor) => backend.index.listFailures({ ...range, cursor }))) {
    if (row.pack_id === pack.pack_id && row.kind === 'REJECT') found.set(row.line, row);
  }
  return found;
}

function rejectedLine(failures: ReadonlyMap<number, FailureRow>, line: number): IndexedLine {
  return { event: null, delivery: null, deliveriesFull: false, failure: failures.get(line) ?? null };
}

/** Reads the index rows of each receipt; null for a receipt that should have none. */
async function indexedLines(
  { backend: { index } }: Context,
  rows: readonly (EventRow | null)[],
): Promise<(IndexedLine | null)[]> {
  const wanted = rows.filter((row) => row !== null);
  const events = await index.getEvents(wanted.map(({ event_id }) => event_id));
  const read = wanted.map(async (row, i): Promise<IndexedLine> => {
    const here = (at: { pack_id: string; line: number }) => at.pack_id === row.pack_id && at.line === row.line;
    const event = events[i] ?? null;
    if (event !== null && here(event)) return { event, delivery: null, deliveriesFull: false, failure: null };
    const deliveries = event === null ? [] : await index.getDeliveries(event);
    const deliveriesFull = deliveries.length >= LIMITS.deliveries_per_event_max;
    return { event, delivery: deliveries.find(here) ?? null, deliveriesFull, failure: null };
  });
  const found = await Promise.all(read);
  let next = 0;
  return rows.map((row) => (row === null ? null : (found[next++] ?? null)));
}

/** A keyed event appears in its entity's timeline only through its pointer. */
async function pointerFaults({ backend }: Context, row: EventRow): Promise<VerifyFault[]> {
  const to = positionAt(row.event_id, { epoch_ms: row.event_ms, sub_ms_ns: row.event_sub_ns + 1 });
  const range = { from: row.position, to, asOfMs: row.received_ms, limit: 10 };
  for await (const found of readPages((cursor) => backend.index.listTimeline({ ...range, cursor })))
    if (found.event_id === row.event_id) return [];
  const { pack_id, line, event_id } = row;
  return [
    verifyFault('POINTER_MISSING', 'The event is missing at its place in the timeline.', { pack_id, line, event_id }),
  ];
}
