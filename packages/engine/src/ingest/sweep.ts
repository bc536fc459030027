import { type ErasedLine, KitError, membersFault, packStoredMs, parseTime } from '@pik/schema';
import type { SweepOptions, SweepSummary } from '../api/pipeline.ts';
import { inParallel } from '../ports/in-parallel.ts';
import type { Page } from '../ports/queries.ts';
import { sometimes } from '../ports/sometimes.ts';
import type { Context } from '../runtime/context.ts';
import { decodeBytes, readBytes, storedFacts } from '../storage/pack-store.ts';
import type { StoredEnvelope } from '../storage/rules/pack-codec.ts';
import { admitRecords } from './admit.ts';
import { parseMapped } from './rules/map-record.ts';
import { type ParsedRecord, parseRecord } from './rules/parse-record.ts';
import { receivedRecord } from './rules/received-payload.ts';

/** The name of the mark: every pack stored before it is fully admitted. */
export const SWEEP_MARK = 'swept_until_ms';

/** Later than any time that a pack id can hold. */
const END_OF_IDS_MS = 2 ** 47;

/**
 * Admits packs that a crash left without a PACK row, line by line, with the receive times in their envelopes.
 * Idempotent: it may run twice, run concurrently, or stop anywhere; the next sweep continues after the last page of packs
 * that was fully admitted.
 */
export async function sweep(context: Context, options: SweepOptions): Promise<SweepSummary> {
  const { index, clock } = context.backend;
  context.watch.look();
  const now = clock.now();
  const mark = await index.getMark(SWEEP_MARK);
  // A clock that was set back stores packs before the mark, so the mark follows the clock. Packs older than the retention
  // of the index have expired, admitted or not.
  const since = mark === null ? 0 : Math.min(mark, now) - options.lookBackMs;
  const fromMs = Math.max(since, now - context.indexRetentionMs + 1);
  const toMs = now - options.minAgeMs + 1;
  // Packs named by a clock that was ahead: no request in flight has such a name, but a pack that waits to be admitted may.
  const ahead = { fromMs: now + options.minAgeMs + 1, toMs: END_OF_IDS_MS };
  const summary = { packs_listed: 0, packs_admitted: 0, receipts_admitted: 0, packs_unreadable: 0, packs_pending: 0 };
  if (toMs <= fromMs) return summary;
  const settled = async (ms: number) => {
    if (summary.packs_pending === 0) await index.setMark(SWEEP_MARK, ms);
  };
  const dueMs = toMs - 1;
  let oldestMs = dueMs;
  const waits = (packId: string) => {
    oldestMs = Math.min(oldestMs, packStoredMs(packId));
  };
  const isOver = () => options.stop?.() === true;
  const passes = async () =>
    (await sweepRange(context, { fromMs, toMs }, { summary, isOver, settled, waits })) &&
    (context.backend.soleOwner === undefined ||
      (await sweepRange(context, ahead, { summary, isOver, settled: async () => {}, waits })));
  if (mark !== null && mark > now) sometimes('sweep: the clock lies before the last sweep');
  if (await passes()) {
    await settled(toMs);
    // A pack that a complete sweep did not find was never stored or cannot be read: none of its receipts can still come.
    if (summary.packs_pending === 0) context.inFlight.releaseStored({ fromMs, toMs });
    await finishMoves(context, options);
  }
  context.telemetry.observe('SweepLagSeconds', [(dueMs - oldestMs) / 1_000]);
  if (summary.packs_admitted + summary.packs_pending > 0) context.telemetry.log('warn', 'sweep', summary);
  return summary;
}

/** The name of the mark: all moves begun before it are finished. */
const MOVES_MARK = 'moves_settled_until_ms';

/**
 * Finishes moves of first receipts. It runs after the packs, since a move may concern a receipt that they bring in. Like
 * packs, older moves are checked again, because another process may have begun them by another clock.
 */
async function finishMoves({ backend: { index, clock } }: Context, options: SweepOptions): Promise<void> {
  const now = clock.now();
  const mark = await index.getMark(MOVES_MARK);
  const fromMs = mark === null ? 0 : Math.min(mark, now) - options.lookBackMs;
  const toMs = now - options.minAgeMs + 1;
  if (toMs <= fromMs) return;
  let cursor: string | null = null;
  let found = 0;
  do {
    if (options.stop?.() === true) return;
    const page: Page<string> = await index.finishMoves({ fromMs, toMs, cursor });
    found += page.items.length;
    cursor = page.next;
  } while (cursor !== null);
  if (found > 0) sometimes('sweep: a move is finished');
  if (found > 0) await index.setMark(MOVES_MARK, toMs);
}

type Counts = { -readonly [K in keyof SweepSummary]: SweepSummary[K] };

interface Sweep {
  readonly summary: Counts;
  readonly isOver: () => boolean;
  /** Notes that every pack stored before this time is fully admitted. */
  readonly settled: (ms: number) => Promise<void>;
  /** Notes that a pack is not admitted yet. */
  readonly waits: (packId: string) => void;
}

/** Packs whose rows are read together. */
const PACKS_AT_ONCE = 500;

/** Sweeps a range; returns false if it was stopped before the end. */
async function sweepRange(
  context: Context,
  range: { fromMs: number; toMs: number },
  sweeping: Sweep,
): Promise<boolean> {
  const { summary, isOver, settled, waits } = sweeping;
  let cursor: string | null = null;
  for (;;) {
    const page: Page<string> = await context.backend.rawLog.list({ ...range, cursor });
    for (let start = 0; start < page.items.length; start += PACKS_AT_ONCE) {
      const packIds = page.items.slice(start, start + PACKS_AT_ONCE);
      // Nearly all packs are admitted: asking for one after another would take longer than their requests took to come in.
      const rows = await inParallel(packIds, (packId) => context.backend.index.getPack(packId));
      for (const [i, packId] of packIds.entries()) {
        if (isOver()) {
          waits(packId);
          return false;
        }
        summary.packs_listed += 1;
        // Its admission may have succeeded although the answer was lost.
        if (rows[i] !== null) context.inFlight.release(packId);
        else await sweepPack(context, packId, sweeping);
      }
    }
    const last = page.items.at(-1);
    cursor = page.next;
    if (cursor === null) return true;
    if (last !== undefined) await settled(packStoredMs(last));
  }
}

async function sweepPack(context: Context, packId: string, { summary, waits }: Sweep): Promise<void> {
  try {
    const outcomes = await admitPack(context, packId);
    if (outcomes === null) {
      sometimes('sweep: a pack stays pending');
      summary.packs_pending += 1;
      waits(packId);
      return;
    }
    sometimes('sweep: a pack without a row is admitted');
    summary.packs_admitted += 1;
    summary.receipts_admitted += outcomes.length;
  } catch (error) {
    if (!KitError.is(error) || (error.code !== 'RAW_CORRUPT' && error.code !== 'RAW_MISSING')) throw error;
    // A damaged pack must not stop the others; verify reports it until it is repaired.
    summary.packs_unreadable += 1;
    context.telemetry.log('error', 'pack_unreadable', { pack_id: packId, code: error.code });
  }
}

/** Admits a stored pack; returns its outcome letters, or null while a line is undecided. */
export async function admitPack(context: Context, packId: string): Promise<string | null> {
  const bytes = await readBytes(context, packId);
  const envelopes = await decodeBytes(packId, bytes);
  if (envelopes.length === 0) throw new KitError('RAW_CORRUPT', `the pack ${packId} has no line`);
  const pack = storedFacts(context, { packId, bytes, envelopes });
  // Repeats will be answered as duplicates of its receipts.
  await context.backend.rawLog.settle?.(packId);
  if (pack.sequence !== null) context.watch.stored(pack.sequence);
  const outcomes = await admitRecords(context, envelopes.map(parsedEnvelope), pack);
  return outcomes.pack === null ? null : outcomes.pack.outcomes;
}

/** Parses the record in a stored envelope again, as it was parsed on arrival. Throws `RAW_CORRUPT` if it is malformed. */
export function parsedEnvelope(envelope: StoredEnvelope): ParsedRecord {
  const received = parseTime(envelope.received_at);
  if (received === null) throw new KitError('RAW_CORRUPT', 'a receipt has no receive time');
  if (envelope.erased !== undefined) return erasedRecord(envelope.erased, received.epoch_ms);
  const record = receivedRecord(envelope);
  const { imported, reingest_of, file_line, mapping, volatile = null } = envelope;
  if (volatile !== null && membersFault(volatile) !== null)
    throw new KitError('RAW_CORRUPT', 'a receipt has volatile members that are not paths');
  // Uses the declarations that applied when it was received, whatever the config says now.
  const context = { receivedMs: received.epoch_ms, imported, volatileOf: () => volatile };
  const parsed = mapping === undefined ? parseRecord(record, context) : parseMapped(record, mapping, context);
  if (file_line !== undefined) return { ...parsed, file_line };
  return reingest_of === undefined ? parsed : { ...parsed, reingest_of };
}

/** The facts of an erased receipt that the rows of its pack and of its producer need. */
function erasedRecord(line: ErasedLine, received_ms: number): ParsedRecord {
  const { imported, source, event_type, producer = null, outcome } = line;
  const unknown = { event: null, fault: null, entity_id: null };
  return { record: { text: '' }, received_ms, imported, source, event_type, producer, ...unknown, erased: outcome };
}
