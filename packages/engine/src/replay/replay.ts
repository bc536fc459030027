import { setImmediate } from 'node:timers/promises';

import { formatEpochMs, KitError, LIMITS, type ReplayAnswer, type ReplayBody, sha256Hex } from '@pik/schema';
import type { Requester } from '../api/pipeline.ts';
import type { ReplayPart, ReplayRow } from '../ports/history-rows.ts';
import type { DeliveryRow, EventRow } from '../ports/rows.ts';
import { aggregatesOf, type Context } from '../runtime/context.ts';
import { planHash } from './plan-hash.ts';
import { writeReplayEnd } from './replay-records.ts';
import { hasSelection, type ReplayRequest, readRequest } from './replay-request.ts';
import { type BuiltMessage, createMessageBuilder } from './rules/replay-message.ts';
import { replayRecordKey, replayRecordText } from './rules/replay-view.ts';
import { sameSelection } from './rules/selection.ts';
import { type WalkPage, walk } from './walk.ts';

/** Messages sent between two checks for cancellation; they share commits and round trips. */
const MESSAGES_AT_ONCE = 20;
/** Events put into messages, or whose further receipts are read, between two turns of the event loop. */
const EVENTS_AT_ONCE = 1_000;
/** Events whose further receipts are read at the same time. */
const DELIVERIES_AT_ONCE = 100;

/**
 * Sends one part of a replay. The record of who asked, when, why and for what is durable before anything is sent; windows are
 * recorded before the message that names them; the part is added to the sums after all of it is sent. After a crash, repeat
 * the call: it sends the same messages under the same ids, and for a part that is complete it only returns the answer.
 *
 * @throws KitError `REQUEST_INVALID`, `REPLAY_EXISTS`, `REPLAY_UNKNOWN`, `REPLAY_CANCELLED`, `PLAN_STALE`, `CURSOR_INVALID`.
 */
export async function replay(context: Context, body: ReplayBody, requester: Requester): Promise<ReplayAnswer> {
  const record = await openReplay(context, body, requester);
  const cursor = body.cursor ?? '';
  const known = await context.backend.replays.getPart(record.replay_id, cursor);
  if (known !== null) {
    // The first call may have crashed before it wrote the file of the end.
    if (known.next_cursor === null) await writeReplayEnd(context, record.replay_id);
    return answer(record, known, await notesAgain(context, record, known));
  }
  if (record.status === 'CANCELLED') throw new KitError('REPLAY_CANCELLED');
  if (cursor !== (record.next_cursor ?? '')) throw new KitError('CURSOR_INVALID');
  const page = await walk(context, {
    selection: record.selection,
    asOfMs: record.as_of_ms,
    limit: record.limit,
    cursor: cursor === '' ? null : cursor,
  });
  const messages = await partMessages(context, record, { page, cursor });
  await send(context, record, { messages, cursor });
  const part: ReplayPart = {
    cursor,
    scanned: page.scanned,
    sent: page.rows.length,
    messages: messages.length,
    next_cursor: page.next,
  };
  await context.backend.replays.addPart(record.replay_id, part, context.backend.clock.now());
  if (page.next === null) await writeReplayEnd(context, record.replay_id);
  return answer(record, part, page.notes);
}

/** The notes of a part that was sent before: walking nothing, or a few ids, again is cheap. */
async function notesAgain(context: Context, record: ReplayRow, part: ReplayPart): Promise<readonly string[]> {
  const { selection, as_of_ms: asOfMs, limit } = record;
  if (part.scanned > 0 && selection.event_ids === null) return [];
  return (await walk(context, { selection, asOfMs, limit, cursor: part.cursor || null })).notes;
}

/** Returns the record of a replay: its first call creates it, every later one finds it. */
async function openReplay(context: Context, body: ReplayBody, requester: Requester): Promise<ReplayRow> {
  const { replays, clock } = context.backend;
  const stored = body.replay_id === undefined ? null : await replays.get(body.replay_id);
  if (stored === null && body.cursor !== undefined) throw new KitError('REPLAY_UNKNOWN');
  if (stored !== null && hasSelection(body)) expectSame(stored, readRequest(context, body));
  if (stored !== null && body.cursor === undefined) await putRecord(context, stored);
  if (stored !== null) return stored;
  const request = readRequest(context, body);
  aggregatesOf(context, request.selection);
  const now = clock.now();
  const asOfMs = request.asOfMs ?? now;
  if (body.plan_hash !== undefined && (await planHash(context, { ...request, asOfMs })) !== body.plan_hash)
    throw new KitError('PLAN_STALE');
  const row = {
    replay_id: body.replay_id ?? context.newId(),
    requested_ms: now,
    requested_by: requester.principal,
    request_id: requester.requestId,
    reason: body.reason ?? null,
    selection: request.selection,
    as_of_ms: asOfMs,
    limit: request.limit,
  };
  const record = await replays.create(row);
  await putRecord(context, record);
  context.telemetry.count('ReplayRequestedCount', 1);
  expectSame(record, request);
  return record;
}

/** Writes the file from the stored row, so that concurrent first calls write the same file and a repeat fills a crash's gap. */
function putRecord(context: Context, record: ReplayRow): Promise<void> {
  return context.backend.files.put(replayRecordKey(record.replay_id), Buffer.from(replayRecordText(record)));
}

function expectSame(stored: ReplayRow, request: ReplayRequest): void {
  const same =
    sameSelection(stored.selection, request.selection) &&
    stored.limit === request.limit &&
    (request.asOfMs === null || request.asOfMs === stored.as_of_ms);
  if (!same) throw new KitError('REPLAY_EXISTS');
}

async function partMessages(
  context: Context,
  record: ReplayRow,
  { page, cursor }: { page: WalkPage; cursor: string },
): Promise<BuiltMessage[]> {
  const { replay_id: replayId, request_id: requestId, as_of_ms: asOfMs } = record;
  const head = { replayId, requestId, asOfMs, part: partName(cursor) };
  const builder = createMessageBuilder(aggregatesOf(context, record.selection), head);
  const messages: BuiltMessage[] = [];
  for (let start = 0; start < page.rows.length; start += EVENTS_AT_ONCE) {
    const rows = page.rows.slice(start, start + EVENTS_AT_ONCE);
    const deliveries = record.selection.include_duplicates ? await deliveriesOf(context, rows, record.as_of_ms) : [];
    for (const [i, row] of rows.entries()) {
      const message = builder.add({ row, deliveries: deliveries[i] ?? [] });
      if (message !== null) messages.push(message);
    }
    await setImmediate();
  }
  const last = builder.end();
  return last === null ? messages : [...messages, last];
}

/** Names a part by the hash of its cursor, which is shorter. */
function partName(cursor: string): string {
  return cursor === '' ? 'first' : sha256Hex(cursor).slice(0, 16);
}

/** Reads the further receipts of each event by the as-of time; they must fit into one message with the event. */
async function deliveriesOf(context: Context, rows: readonly EventRow[], asOfMs: number): Promise<DeliveryRow[][]> {
  const found: DeliveryRow[][] = [];
  for (let start = 0; start < rows.length; start += DELIVERIES_AT_ONCE) {
    const some = rows.slice(start, start + DELIVERIES_AT_ONCE);
    for (const deliveries of await Promise.all(some.map((row) => context.backend.index.getDeliveries(row))))
      found.push(deliveries.filter(({ received_ms }) => received_ms <= asOfMs).slice(0, LIMITS.message_events_max - 1));
  }
  return found;
}

async function send(
  context: Context,
  record: ReplayRow,
  { messages, cursor }: { messages: readonly BuiltMessage[]; cursor: string },
): Promise<void> {
  const { replays, queue } = context.backend;
  const sum = { events: 0, messages: 0 };
  for (let start = 0; start < messages.length; start += MESSAGES_AT_ONCE) {
    if ((await replays.get(record.replay_id))?.status === 'CANCELLED') {
      await noteCut(context, record.replay_id, { cursor, ...sum });
      throw new KitError('REPLAY_CANCELLED');
    }
    const some = messages.slice(start, start + MESSAGES_AT_ONCE);
    const windows = some.flatMap((message) => message.windows);
    if (windows.length > 0) await replays.addWindows(record.replay_id, windows);
    await queue.send(some);
    context.telemetry.count('ReplayMessageCount', some.length);
    sum.messages += some.length;
    sum.events += some.reduce((events, message) => events + message.events, 0);
    await setImmediate();
  }
}

/** Adds to the sums what was sent of a part before its replay was cancelled. */
async function noteCut(
  context: Context,
  replayId: string,
  { cursor, events, messages }: { cursor: string; events: number; messages: number },
): Promise<void> {
  const next_cursor = cursor === '' ? null : cursor;
  const part = { cursor: `${cursor}#cut`, scanned: events, sent: events, messages, next_cursor };
  await context.backend.replays.addPart(replayId, part, context.backend.clock.now());
}

function answer(record: ReplayRow, part: ReplayPart, notes: readonly string[]): ReplayAnswer {
  return {
    replay_id: record.replay_id,
    scanned: part.scanned,
    sent: part.sent,
    messages: part.messages,
    complete: part.next_cursor === null,
    next_cursor: part.next_cursor,
    as_of: formatEpochMs(record.as_of_ms),
    notes: [...notes],
  };
}
