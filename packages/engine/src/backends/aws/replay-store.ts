import { hash } from 'node:crypto';

import type { ReplayStore } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { ReplayPart, ReplayRequestRow, ReplayRow } from '../../ports/history-rows.ts';
import type { Page } from '../../ports/queries.ts';
import type { Calls, Deadline } from './calls.ts';
import { createReplayWindows } from './replay-windows.ts';
import { type Change, type Key, keyItem, type Table } from './table.ts';
import { type Item, number, present, readNumber, readNumberOrNull, readText, readTextOrNull, text } from './values.ts';

/** All records are one partition, in order of their making: replays are asked for by people. */
const RECORDS = 'REPLAY';

/** Records, parts and windows in one table. */
export function createReplayStore(at: { table: Table; calls: Calls }): ReplayStore {
  return { ...records(at), ...parts(at), ...createReplayWindows(at) };
}

interface At {
  readonly table: Table;
  readonly calls: Calls;
}

function records({ table, calls }: At): Pick<ReplayStore, 'create' | 'get' | 'list' | 'cancel'> {
  return {
    create: (row) =>
      calls.run(async (deadline) => {
        const written = await table.put(deadline, recordItem(row), { expression: 'attribute_not_exists(pk)' });
        return readRecord(written.done ? recordItem(row) : written.row);
      }),
    get: (replayId) =>
      calls.run(async (deadline) => {
        const item = await table.get(deadline, recordKey(replayId));
        return item === null ? null : readRecord(item);
      }),
    list: (query) => calls.run((deadline) => listRecords(table, deadline, query)),
    cancel: (replayId, nowMs) =>
      calls.run(async (deadline) => {
        const written = await table.update(deadline, recordKey(replayId), ended('CANCELLED', nowMs));
        // Where it does not run, it is given as it is; a failed condition without a row means that there is none.
        return written.row?.sk === undefined ? null : readRecord(written.row);
      }),
  };
}

function recordKey(replayId: string): Key {
  return { pk: RECORDS, sk: replayId };
}

/** Ends a replay that runs. */
function ended(status: 'CANCELLED' | 'COMPLETE', nowMs: number): Change {
  return {
    update: 'SET #status = :status, ended_ms = :ended',
    expression: '#status = :running',
    names: { '#status': 'status' },
    values: { ':status': text(status), ':running': text('RUNNING'), ':ended': number(nowMs) },
  };
}

function recordItem(row: ReplayRequestRow): Item {
  const { replay_id, requested_ms, requested_by, request_id, reason, selection, as_of_ms, limit } = row;
  return {
    ...keyItem(recordKey(replay_id)),
    ...present({ requested_ms, requested_by, request_id, reason, as_of_ms, events_per_call: limit, status: 'RUNNING' }),
    selection: text(JSON.stringify(selection)),
    ...present({ scanned: 0, sent: 0, messages: 0 }),
  };
}

function readRecord(item: Item): ReplayRow {
  return {
    replay_id: readText(item, 'sk'),
    requested_ms: readNumber(item, 'requested_ms'),
    requested_by: readTextOrNull(item, 'requested_by'),
    request_id: readText(item, 'request_id'),
    reason: readTextOrNull(item, 'reason'),
    selection: JSON.parse(readText(item, 'selection')) as ReplayRow['selection'],
    as_of_ms: readNumber(item, 'as_of_ms'),
    limit: readNumber(item, 'events_per_call'),
    status: readText(item, 'status') as ReplayRow['status'],
    ...sums(item),
    ended_ms: readNumberOrNull(item, 'ended_ms'),
  };
}

function sums(item: Item) {
  return {
    scanned: readNumber(item, 'scanned'),
    sent: readNumber(item, 'sent'),
    messages: readNumber(item, 'messages'),
    next_cursor: readTextOrNull(item, 'next_cursor'),
  };
}

async function listRecords(
  table: Table,
  deadline: Deadline,
  { limit, cursor }: { limit: number; cursor?: string | null },
): Promise<Page<ReplayRow>> {
  // Ids are UUIDv7, so their order is that of their making.
  const [beyond] = decodeCursor(cursor, ['string']) ?? [null];
  const page = await table.query(deadline, { pk: RECORDS, descending: true, beyond, limit });
  return { items: page.rows.map(readRecord), next: page.reached === null ? null : encodeCursor([page.reached]) };
}

function parts({ table, calls }: At): Pick<ReplayStore, 'getPart' | 'addPart'> {
  return {
    getPart: (replayId, cursor) =>
      calls.run(async (deadline) => {
        const item = await table.get(deadline, partKey(replayId, cursor));
        return item === null ? null : { cursor: readText(item, 'cursor'), ...sums(item) };
      }),
    addPart: (replayId, part, nowMs) => calls.run((deadline) => addPart(table, deadline, { replayId, part, nowMs })),
  };
}

/** Cursors are longer than a sort key may be, so their hash is the key. */
function partKey(replayId: string, cursor: string): Key {
  return { pk: `PART#${replayId}`, sk: hash('sha256', cursor) };
}

function partItem(replayId: string, part: ReplayPart): Item {
  return { ...keyItem(partKey(replayId, part.cursor)), ...present({ ...part }) };
}

/**
 * The part and the sums in one transaction, the only one of the kit: a part without its sums, or counted twice, would
 * leave a replay that can never be gone on with. Its own row is what makes a repeat change nothing.
 */
async function addPart(
  table: Table,
  deadline: Deadline,
  { replayId, part, nowMs }: { replayId: string; part: ReplayPart; nowMs: number },
): Promise<void> {
  const put = { item: partItem(replayId, part), condition: { expression: 'attribute_not_exists(pk)' } };
  const key = recordKey(replayId);
  if (part.next_cursor === null) {
    const done = await table.putWith(deadline, put, { key, ...summed(part, ended('COMPLETE', nowMs)) });
    // Refused where the replay does not run any more: then its end stays as it is.
    if (done !== 'change refused') return;
  }
  await table.putWith(deadline, put, { key, ...summed(part, { update: '', expression: 'attribute_exists(pk)' }) });
}

/** A change of a record that adds the sums of a part to it. */
function summed({ scanned, sent, messages, next_cursor }: ReplayPart, { update, ...condition }: Change): Change {
  const next = next_cursor === null ? 'REMOVE next_cursor' : '';
  const set = [update.replace(/^SET /, ''), next_cursor === null ? '' : 'next_cursor = :next'].filter(
    (one) => one !== '',
  );
  return {
    ...condition,
    update: [
      'ADD scanned :scanned, sent :sent, messages :messages',
      set.length === 0 ? '' : `SET ${set.join(', ')}`,
      next,
    ]
      .filter((one) => one !== '')
      .join(' '),
    values: {
      ...condition.values,
      ':scanned': number(scanned),
      ':sent': number(sent),
      ':messages': number(messages),
      ...(next_cursor === null ? {} : { ':next': text(next_cursor) }),
    },
  };
}
