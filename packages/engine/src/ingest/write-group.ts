import { type IngestBatch, KitError } from '@pik/schema';
import { sometimes } from '../ports/sometimes.ts';
import type { Context } from '../runtime/context.ts';
import { bytesOf } from '../storage/pack-bytes.ts';
import { appendPack } from '../storage/pack-store.ts';
import { admitRecords } from './admit.ts';
import { admitLeftPacks } from './admit-left-packs.ts';
import { storedAnswer } from './ingest-answer.ts';
import type { ArrivedRequest, RequestParts } from './rules/arrived-request.ts';
import type { RequestOutcomes } from './rules/outcomes.ts';
import type { PackFacts } from './rules/pack-facts.ts';
import type { ReadRecord } from './rules/parse-record.ts';

/** A request as it waits to be stored. */
export function arrivedRequest(parts: RequestParts, request: Requester): ArrivedRequest {
  const { requestId, principal, imported, receivedMs } = request;
  const own = { requestId, principal, imported, receivedMs, receipts: parts.records.length, alone: imported };
  return { ...parts, ...own, bytes: parts.lines === null ? bytesOf(parts.records) : parts.lines.recordBytes };
}

type Requester = Pick<ArrivedRequest, 'requestId' | 'principal' | 'imported' | 'receivedMs'>;

/** Stores the records of a request and decides their outcomes: the only way into log and index. */
export async function storeAndAdmit(context: Context, parts: RequestParts, request: Requester): Promise<IngestBatch> {
  const arrived = arrivedRequest(parts, request);
  // While it waits for its group, answers as of a later time are unsettled.
  const waiting = Symbol('request');
  context.inFlight.hold(waiting, arrived.receivedMs);
  try {
    return await context.groups.add(arrived, (group, earlier) => writeGroup(context, group, earlier));
  } finally {
    context.inFlight.release(waiting);
  }
}

/**
 * Writes the requests of a group as one durable pack, then, after all earlier groups, the index, the PACK row last; the
 * answers follow. A crash before the append leaves nothing; after the append, a pack that the sweeper admits; after the
 * commit, outcomes that repeats find.
 */
export async function writeGroup(
  context: Context,
  group: readonly ArrivedRequest[],
  earlier: Promise<void>,
): Promise<IngestBatch[]> {
  // Before anything else, so that groups have numbers in the order in which they were started.
  const [packId, sequence] = [context.newId(), context.watch.nextSequence()];
  const done = context.announcements.named(packId);
  const { verdicts } = await storeGroup(context, group, { packId, sequence, earlier }).finally(done);
  let line = 0;
  return group.map(({ records }) => {
    line += records.length;
    return storedAnswer(records, { packId, firstLine: line - records.length, verdicts });
  });
}

interface NamedGroup {
  readonly packId: string;
  readonly sequence: PackFacts['sequence'];
  readonly earlier: Promise<void>;
}

async function storeGroup(
  context: Context,
  group: readonly ArrivedRequest[],
  { earlier, ...named }: NamedGroup,
): Promise<RequestOutcomes> {
  const startedMs = performance.now();
  const pack = await append(context, group, named);
  const storedMs = performance.now();
  await earlier;
  if (group.length > 1) sometimes('ingest: requests share a pack');
  const dueMs = performance.now();
  const records = group.flatMap<ReadRecord>((request) => request.records);
  await admitLeftPacks(context);
  const outcomes = await admitRecords(context, records, pack).catch((error: unknown) => {
    context.inFlight.leave(named.packId);
    throw error;
  });
  context.telemetry.observe('IngestStoreMs', [storedMs - startedMs]);
  context.telemetry.observe('IngestAdmitMs', [performance.now() - dueMs]);
  return outcomes;
}

async function append(
  context: Context,
  group: readonly ArrivedRequest[],
  { packId, sequence }: Pick<PackFacts, 'sequence'> & { packId: string },
): Promise<PackFacts> {
  // Checked before the append, so that retries during an outage of the index do not pile up packs.
  await context.backend.index.ping();
  // If this group fails, its pack may be in the log but not in the index. Answers stay unsettled until the sweeper runs.
  context.inFlight.hold(
    packId,
    group.reduce((first, { receivedMs }) => Math.min(first, receivedMs), Number.POSITIVE_INFINITY),
  );
  const imported = group[0]?.imported ?? false;
  return appendPack(context, group, { packId, sequence, imported }).catch(async (error: unknown) => {
    if (await isRefused(context, packId, error)) {
      sometimes('ingest: a full disk has not kept a pack');
      context.inFlight.release(packId);
    } else {
      sometimes('ingest: an append failed and may have stored its pack');
      context.inFlight.doubt(packId);
    }
    throw error;
  });
}

/** True if a full store has certainly not kept a pack, so that there is nothing to wait for. */
async function isRefused({ backend }: Context, packId: string, error: unknown): Promise<boolean> {
  if (!KitError.is(error) || error.code !== 'STORAGE_FULL') return false;
  return backend.rawLog.has(packId).then(
    (isThere) => !isThere,
    () => false,
  );
}
