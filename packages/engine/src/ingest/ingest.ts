import { setImmediate } from 'node:timers/promises';

import { type IngestResult, KitError, packKey, type Status } from '@pik/schema';
import type { IngestAnswer, IngestRequest } from '../api/pipeline.ts';
import type { Context } from '../runtime/context.ts';
import { appendPack } from '../storage/pack-store.ts';
import { predictOutcomes } from './dry-run.ts';
import type { Verdict } from './rules/classify.ts';
import { decideOutcomes, eventRows, type PackFacts, type RequestOutcomes } from './rules/outcomes.ts';
import { type ParsedRecord, parseRecord } from './rules/parse-record.ts';
import { type RawRecord, splitBody } from './rules/record-split.ts';
import { verdictResult } from './rules/result.ts';

/** Records between two turns of the event loop: about 5 ms of work. */
const RECORDS_PER_TURN = 250;

/**
 * Log first, then index, PACK row last; nothing is answered before all of it is durable. A crash before the append
 * leaves nothing; after it, a pack that the sweeper admits; after the commit, an outcome that a repeat meets again.
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

/** Makes records durable as one pack, and gives each its outcome: the one way into log and index. */
export async function storeAndAdmit(
  context: Context,
  records: readonly ParsedRecord[],
  request: Pick<IngestRequest, 'mode' | 'receivedMs' | 'requestId' | 'principal'>,
): Promise<{ results: IngestResult[]; counts: Partial<Record<Status, number>> }> {
  // Asked before the append, so that retries during an outage of the index do not pile up packs.
  await context.backend.index.ping();
  const packId = context.newId();
  // Until the sweeper comes, if this goes wrong: what may be in the log and not in the index makes answers unsettled.
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

/** True where a full store surely has not kept a pack: then there is nothing to wait for. */
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

/** Gives each parsed of a durable pack its outcome, and counts it. The sweeper and the rebuild come this way too. */
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
    else lags.push(lagOf(records[line] as ParsedRecord));
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

/** What is answered of records; without a pack, of what they would become. */
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
