import { setImmediate } from 'node:timers/promises';

import { at, type IngestResult, KitError, packKey, type Status } from '@pik/schema';
import type { IngestAnswer, IngestRequest } from '../api/pipeline.ts';
import type { Context } from '../runtime/context.ts';
import { appendPack } from '../storage/pack-store.ts';
import { predictOutcomes } from './dry-run.ts';
import type { Verdict } from './rules/classify.ts';
import { decideOutcomes, eventRows, type RequestOutcomes } from './rules/outcomes.ts';
import type { PackFacts } from './rules/pack-facts.ts';
import { type ParsedRecord, parseRecord } from './rules/parse-record.ts';
import { type RawRecord, splitBody } from './rules/record-split.ts';
import { verdictResult } from './rules/result.ts';

/** Records parsed before the event loop gets a turn: about 5 ms of work. */
const RECORDS_PER_TURN = 250;

/**
 * Writes the log first, then the index, the PACK row last, and answers once all of it is durable. A crash before the
 * append leaves nothing; after the append, a pack that the sweeper admits; after the commit, an outcome that a repeat finds.
 */
export async function ingest(context: Context, request: IngestRequest): Promise<IngestAnswer> {
  const split = splitBody(request.body, request.format);
  const records = await parseRecords(context, split.records, request);
  const { single, unreadable } = split;
  if (records.length === 0) return { results: [], counts: {}, single, unreadable };
  if (request.dryRun)
    return { ...ingestAnswer(records, await predictOutcomes(context, records), null), single, unreadable };
  return { ...(await storeAndAdmit(context, records, request)), single, unreadable };
}

/** Stores records as one durable pack and decides their outcomes: the only way into log and index. */
export async function storeAndAdmit(
  context: Context,
  records: readonly ParsedRecord[],
  request: Pick<IngestRequest, 'mode' | 'receivedMs' | 'requestId' | 'principal'>,
): Promise<{ results: IngestResult[]; counts: Partial<Record<Status, number>> }> {
  // Checked before the append, so that retries during an outage of the index do not pile up packs.
  await context.backend.index.ping();
  const packId = context.newId();
  // If this request fails, the pack may be in the log but not in the index. Answers stay unsettled until the sweeper runs.
  context.inFlight.hold(packId, request.receivedMs);
  const pack = await appendPack(context, records, {
    ...request,
    packId,
    imported: request.mode === 'import',
    sequence: context.watch.nextSequence(),
  }).catch(async (error: unknown) => {
    if (await isRefused(context, packId, error)) context.inFlight.release(packId);
    else context.inFlight.doubt(packId);
    throw error;
  });
  const { verdicts } = await admitRecords(context, records, pack);
  return ingestAnswer(records, verdicts, pack);
}

/** True if a full store has certainly not kept a pack, so that there is nothing to wait for. */
async function isRefused({ backend }: Context, packId: string, error: unknown): Promise<boolean> {
  if (!KitError.is(error) || error.code !== 'STORAGE_FULL') return false;
  return backend.rawLog.has(packId).then(
    (isThere) => !isThere,
    () => false,
  );
}

async function parseRecords(
  { volatileOf }: Context,
  raw: readonly RawRecord[],
  request: IngestRequest,
): Promise<ParsedRecord[]> {
  const context = { receivedMs: request.receivedMs, imported: request.mode === 'import', volatileOf };
  const records: ParsedRecord[] = [];
  const { firstLine } = request;
  for (const record of raw) {
    const parsed = parseRecord(record, context);
    records.push(firstLine === undefined ? parsed : { ...parsed, file_line: firstLine + records.length });
    if (records.length % RECORDS_PER_TURN === 0) await setImmediate();
  }
  return records;
}

/** Decides and counts the outcome of each record of a durable pack. The sweeper and the rebuild use it too. */
export async function admitRecords(
  context: Context,
  records: readonly ParsedRecord[],
  pack: PackFacts,
): Promise<RequestOutcomes> {
  const rows = eventRows(records, pack);
  const outcomes = await context.backend.index.admit(rows, (insertions) =>
    decideOutcomes(records, rows, { pack, insertions }),
  );
  if (outcomes.pack !== null) context.inFlight.release(pack.pack_id);
  if (outcomes.pack !== null && !pack.imported) context.clock.received(outcomes.pack.received_max_ms);
  count(context, records, outcomes.verdicts);
  return outcomes;
}

function count(context: Context, records: readonly ParsedRecord[], verdicts: readonly (Verdict | null)[]): void {
  const { telemetry } = context;
  const lags: number[] = [];
  const counts = { DUPLICATE: 0, CONFLICT: 0, REJECTED: 0, PENDING: 0 };
  for (let line = 0; line < records.length; line++) {
    const status = verdicts[line]?.status ?? 'REJECTED';
    if (status !== 'ACCEPTED') counts[status] += 1;
    else lags.push(lagOf(at(records, line)));
  }
  telemetry.count('IngestCount', records.length);
  telemetry.count('DuplicateCount', counts.DUPLICATE);
  telemetry.count('ConflictCount', counts.CONFLICT);
  telemetry.count('RejectedCount', counts.REJECTED);
  telemetry.observe('IngestLagMs', lags);
}

function lagOf({ received_ms, event }: ParsedRecord): number {
  return event === null ? 0 : received_ms - event.event_time.epoch_ms;
}

/** The answer for records: their outcomes, or in a dry run (without a pack) the outcomes that they would have. */
export function ingestAnswer(
  records: readonly ParsedRecord[],
  verdicts: readonly (Verdict | null)[],
  pack: PackFacts | null,
): { results: IngestResult[]; counts: Partial<Record<Status, number>> } {
  const rawKey = pack === null ? null : packKey(pack.pack_id);
  const counts: Partial<Record<Status, number>> = {};
  const results = records.map((parsed, line) => {
    const result = verdictResult(parsed, verdicts[line] ?? null, { line, rawKey });
    counts[result.status] = (counts[result.status] ?? 0) + 1;
    return result;
  });
  return { results, counts };
}
