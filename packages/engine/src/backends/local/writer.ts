import type { DatabaseSync, StatementSync } from 'node:sqlite';

import { at, LIMITS } from '@pik/schema';

import { admissionOrder, deliveryOf, finalInsertions, mayMove } from '../../ingest/rules/first-receipt.ts';
import { storedRequests } from '../../ports/packed-requests.ts';
import type {
  DeliveryRow,
  EventRow,
  FailureRow,
  Insertion,
  PackRow,
  RequestRows,
  SequenceRow,
} from '../../ports/rows.ts';
import { expiryValue, hexBytes, idBytes, packBytes, rankValue, windowColumn } from './codec.ts';
import type { HourWriter } from './hour-store.ts';
import type { Interning } from './interning.ts';
import type { KeyRuns } from './key-runs/key-runs.ts';
import { createMover, type Mover, type StoredEvent } from './mover.ts';
import type { EventRows } from './packed/event-rows.ts';
import { createFreshRows, type FreshRows } from './packed/fresh-rows.ts';
import { createSliceWriter } from './packed/packed-slices.ts';
import { RAISE_SEQUENCE } from './sole-owner.ts';
import { insertInto, prepareRows, type RowStatement, requireRow } from './sqlite.ts';

/** Writes the rows of one pack; the caller holds the transaction. */
export interface Writer {
  insertEvents(rows: readonly EventRow[], nowMs: number): readonly Insertion[];
  writeRest(rows: RequestRows): void;
  writeFailures(rows: readonly FailureRow[]): void;
}

interface WriterParts {
  readonly events: EventStatements;
  readonly fresh: FreshRows;
  readonly keys: Pick<KeyRuns, 'find' | 'add' | 'last'>;
  readonly rows: Pick<EventRows, 'get'>;
  readonly interning: Interning;
  readonly mover: Mover;
}

/** A writer over prepared statements. */
export function createWriter(
  db: DatabaseSync,
  {
    keys,
    rows: stored,
    interning,
    hours,
  }: Pick<WriterParts, 'keys' | 'rows' | 'interning'> & { readonly hours: Pick<HourWriter, 'admitted'> },
): Writer {
  const events = eventStatements(db);
  const fresh = createFreshRows(db, { keys, interning });
  const rest = restStatements(db);
  const writeSlice = createSliceWriter(db, { interning, fresh });
  const mover = createMover(db, interning, {
    replace: (first, at) => replaceRow({ events, fresh }, first, at),
    keep: (former, first) => keepDelivery(rest, deliveryOf(former, first), interning),
    failure: (row) => writeFailure(rest.failure, row),
  });
  const parts: WriterParts = { events, fresh, keys, rows: stored, interning, mover };
  return {
    insertEvents(rows, nowMs) {
      const insertions = new Array<Insertion>(rows.length);
      const order = admissionOrder(rows);
      fresh.begin();
      for (const place of order) insertions[place] = insertEvent(parts, at(rows, place), nowMs);
      fresh.write();
      return finalInsertions(rows, { order, insertions });
    },
    writeRest(rows) {
      for (const row of rows.deliveries) writeDelivery(rest, row, interning);
      for (const row of rows.failures) writeFailure(rest.failure, row);
      for (const row of rows.slices) writeSlice(row);
      for (const row of rows.sequences) writeSequence(rest.sequence, row, interning);
      if (rows.pack !== null) {
        if (writePack(rest.pack, rows.pack)) hours.admitted(rows.pack.pack_id);
        if (rows.pack.sequence != null) rest.sequenceMark.run(rows.pack.sequence);
      }
    },
    writeFailures(rows) {
      for (const row of rows) writeFailure(rest.failure, row);
    },
  };
}

interface EventStatements {
  readonly dropPointer: StatementSync;
  readonly dropDeliveries: StatementSync;
}

function eventStatements(db: DatabaseSync): EventStatements {
  return {
    dropPointer: db.prepare('DELETE FROM pointer WHERE position = ?'),
    dropDeliveries: db.prepare('DELETE FROM delivery WHERE event_id = ?'),
  };
}

function insertEvent(parts: WriterParts, row: EventRow, nowMs: number): Insertion {
  const { fresh, keys, rows, mover, events } = parts;
  const held = fresh.get(row.event_id);
  if (held !== undefined) {
    if (isOrdinary(row, held, nowMs)) return { kind: 'present', stored: held };
    // It gets its number, since another receipt may replace it.
    fresh.write();
  }
  const id = idBytes(row.event_id);
  const eventNo = keys.find(id);
  const stored = eventNo === null ? null : rows.get(eventNo);
  // A key without its event: an erasure has removed the event, and not its key yet.
  if (eventNo === null || stored === null) {
    fresh.add(row, id);
    return { kind: 'inserted', replaced_expired: false };
  }
  const place = { id, eventNo, stored };
  if (isOrdinary(row, stored, nowMs)) return { kind: 'present', stored };
  if (stored.expires_ms > nowMs) return mover.resolve(row, place);
  // Deletes the rows of the expired event.
  events.dropDeliveries.run(id);
  mover.drop(id);
  replaceRow(parts, row, place);
  return { kind: 'inserted', replaced_expired: true };
}

/** True if a receipt of an event changes nothing of its first one. */
function isOrdinary(row: EventRow, stored: EventRow, nowMs: number): boolean {
  return stored.expires_ms > nowMs && !mayMove(row, stored) && stored.answered === 'ACCEPTED';
}

/** Replaces an event under its number, so that the key index need not change. */
function replaceRow(
  { events, fresh }: Pick<WriterParts, 'events' | 'fresh'>,
  row: EventRow,
  { id, eventNo, stored }: StoredEvent,
): void {
  events.dropPointer.run(idBytes(stored.position));
  fresh.replace(eventNo, row, id);
}

interface RestStatements {
  readonly countDeliveries: RowStatement<{ readonly n: number }>;
  readonly delivery: StatementSync;
  readonly failure: StatementSync;
  readonly sequence: StatementSync;
  readonly pack: StatementSync;
  readonly sequenceMark: StatementSync;
}

const PACK_COLUMNS = [
  'pack_id',
  'sha256',
  'bytes',
  'request_id',
  'principal',
  'imported',
  'received_min_ms',
  'received_max_ms',
  'expires_ms',
  'outcomes',
  'requests',
];

const COUNT_DELIVERIES = 'SELECT count(*) AS n FROM delivery WHERE event_id = ? AND rank IS NULL';

function restStatements(db: DatabaseSync): RestStatements {
  const into = (table: string, columns: readonly string[]) => db.prepare(insertInto(table, columns, 'IGNORE'));
  return {
    sequenceMark: db.prepare(RAISE_SEQUENCE),
    countDeliveries: prepareRows<{ n: number }>(db, COUNT_DELIVERIES),
    delivery: into('delivery', [
      'event_id',
      'pack_id',
      'line',
      'outcome',
      'event_ms',
      'event_sub_ns',
      'received_ms',
      'sent_ms',
      'flags',
      'expires_ms',
      'payload_hash',
      'rank',
      'producer_no',
      'producer_seq',
    ]),
    failure: into('failure', [
      'received_ms',
      'pack_id',
      'line',
      'kind',
      'stage',
      'code',
      'path',
      'detail',
      'source',
      'event_type',
      'event_id',
      'expires_ms',
      'entity_hash',
      'window',
      'receipts',
      'payload_hash',
    ]),
    sequence: into('sequence', ['producer_no', 'pack_id', 'received_ms', 'expires_ms', 'ranges']),
    pack: into('pack', PACK_COLUMNS),
  };
}

/** Stores the first hundred live repeats, and every import, since a later import may change its outcome. */
function writeDelivery(statements: RestStatements, row: DeliveryRow, interning: Interning): void {
  if (row.rank === null) {
    const { n } = requireRow(statements.countDeliveries.get(idBytes(row.event_id)));
    if (n >= LIMITS.deliveries_per_event_max) return;
  }
  keepDelivery(statements, row, interning);
}

function keepDelivery({ delivery }: RestStatements, row: DeliveryRow, interning: Interning): void {
  delivery.run(
    idBytes(row.event_id),
    packBytes(row.pack_id),
    row.line,
    row.answered,
    row.event_ms,
    row.event_sub_ns,
    row.received_ms,
    row.sent_ms,
    row.flags,
    expiryValue(row.expires_ms),
    hexBytes(row.payload_hash),
    rankValue(row.rank),
    row.producer_id === null ? null : interning.producer(row.producer_id),
    row.producer_seq,
  );
}

function writeFailure(statement: StatementSync, row: FailureRow): void {
  const { received_ms, pack_id, line, kind, stage, code, path, detail, source, event_type, event_id } = row;
  const { entity_hash, window, receipts } = row;
  const id = packBytes(pack_id);
  statement.run(
    received_ms,
    id,
    line,
    kind,
    stage,
    code,
    path,
    detail,
    source,
    event_type,
    event_id,
    expiryValue(row.expires_ms),
    entity_hash,
    windowColumn(window),
    receipts ?? null,
    row.payload_hash === null ? null : hexBytes(row.payload_hash),
  );
}

function writeSequence(statement: StatementSync, row: SequenceRow, interning: Interning): void {
  const producer = interning.producer(row.producer_id);
  statement.run(
    producer,
    packBytes(row.pack_id),
    row.received_ms,
    expiryValue(row.expires_ms),
    JSON.stringify(row.ranges),
  );
}

/** Returns false if the pack was there before. */
function writePack(statement: StatementSync, row: PackRow): boolean {
  const { request_id, principal, requests } = storedRequests(row.requests);
  const { changes } = statement.run(
    packBytes(row.pack_id),
    hexBytes(row.sha256),
    row.bytes,
    request_id,
    principal,
    row.imported ? 1 : 0,
    row.received_min_ms,
    row.received_max_ms,
    expiryValue(row.expires_ms),
    row.outcomes,
    requests,
  );
  return changes > 0;
}
