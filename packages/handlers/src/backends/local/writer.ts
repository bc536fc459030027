import type { DatabaseSync, StatementSync } from 'node:sqlite';

import { LIMITS } from '@pik/schema';

import type { DeliveryRow, EventRow, FailureRow, Insertion, PackRow, RequestRows, SequenceRow, SliceRow } from '../../ports/rows.ts';
import { expiryValue, hexBytes, idBytes, packBytes, ruleNumber, type SqlRow, toEventRow } from './codec.ts';
import type { Interning } from './interning.ts';
import { EVENT_COLUMNS } from './queries.ts';

/** Writes the rows of one request; the caller holds the transaction. */
export interface Writer {
  insertEvents(rows: readonly EventRow[], nowMs: number): Insertion[];
  writeRest(rows: RequestRows): void;
}

/** A writer over prepared statements. */
export function createWriter(db: DatabaseSync, interning: Interning): Writer {
  const events = eventStatements(db);
  const rest = restStatements(db);
  return {
    insertEvents: (rows, nowMs) => rows.map((row) => insertEvent(events, row, { interning, nowMs })),
    writeRest(rows) {
      for (const row of rows.deliveries) writeDelivery(rest, row);
      for (const row of rows.failures) writeFailure(rest.failure, row);
      for (const row of rows.slices) writeSlice(rest.slice, row, interning);
      for (const row of rows.sequences) writeSequence(rest.sequence, row, interning);
      if (rows.pack !== null) writePack(rest.pack, rows.pack);
    },
  };
}

interface EventStatements {
  readonly insert: StatementSync;
  readonly pointer: StatementSync;
  readonly stored: StatementSync;
  readonly dropEvent: StatementSync;
  readonly dropPointer: StatementSync;
  readonly dropDeliveries: StatementSync;
}

function eventStatements(db: DatabaseSync): EventStatements {
  return {
    insert: db.prepare(
      `INSERT INTO event (event_id, series_no, entity_no, rule, idempotency_key, producer_no, producer_seq, event_ms,
         event_sub_ns, received_ms, sent_ms, flags, expires_ms, line, pack_id, payload_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING`,
    ),
    pointer: db.prepare('INSERT OR REPLACE INTO pointer (position, event_no) VALUES (?, ?)'),
    stored: db.prepare(`SELECT ${EVENT_COLUMNS} WHERE event.event_id = ?`),
    dropEvent: db.prepare('DELETE FROM event WHERE event_id = ?'),
    dropPointer: db.prepare('DELETE FROM pointer WHERE position = ?'),
    dropDeliveries: db.prepare('DELETE FROM delivery WHERE event_id = ?'),
  };
}

function insertEvent(statements: EventStatements, row: EventRow, options: { interning: Interning; nowMs: number }): Insertion {
  const id = idBytes(row.event_id);
  if (tryInsert(statements, row, { id, interning: options.interning })) return { kind: 'inserted', replaced_expired: false };
  const stored = toEventRow(statements.stored.get(id) as SqlRow);
  if (stored.expires_ms > options.nowMs) return { kind: 'present', stored };
  statements.dropEvent.run(id);
  statements.dropPointer.run(idBytes(stored.position));
  statements.dropDeliveries.run(id);
  tryInsert(statements, row, { id, interning: options.interning });
  return { kind: 'inserted', replaced_expired: true };
}

function tryInsert(statements: EventStatements, row: EventRow, options: { id: Uint8Array; interning: Interning }): boolean {
  const { id, interning } = options;
  const { changes, lastInsertRowid } = statements.insert.run(
    id,
    interning.series(row.source, row.event_type),
    interning.entity(row.entity_id),
    ruleNumber(row.rule),
    row.idempotency_key,
    row.producer_id === null ? null : interning.producer(row.producer_id),
    row.producer_seq,
    row.event_ms,
    row.event_sub_ns,
    row.received_ms,
    row.sent_ms,
    row.flags,
    expiryValue(row.expires_ms),
    row.line,
    packBytes(row.pack_id),
    hexBytes(row.payload_hash),
  );
  if (changes === 0) return false;
  if (row.rule === 'key') statements.pointer.run(idBytes(row.position), lastInsertRowid);
  return true;
}

interface RestStatements {
  readonly countDeliveries: StatementSync;
  readonly delivery: StatementSync;
  readonly failure: StatementSync;
  readonly slice: StatementSync;
  readonly sequence: StatementSync;
  readonly pack: StatementSync;
}

function restStatements(db: DatabaseSync): RestStatements {
  const into = (table: string, columns: readonly string[]) =>
    db.prepare(`INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`);
  return {
    countDeliveries: db.prepare('SELECT count(*) AS n FROM delivery WHERE event_id = ?'),
    delivery: into('delivery', ['event_id', 'pack_id', 'line', 'outcome', 'event_ms', 'event_sub_ns', 'received_ms', 'sent_ms', 'flags', 'expires_ms', 'payload_hash']),
    failure: into('failure', ['received_ms', 'pack_id', 'line', 'kind', 'stage', 'code', 'path', 'detail', 'source', 'event_type', 'event_id', 'expires_ms']),
    slice: into('slice', ['event_day', 'series_no', 'pack_id', 'received_min_ms', 'received_max_ms', 'imported', 'accepted', 'duplicates', 'conflicts', 'expires_ms', 'lag', 'delay', 'entries']),
    sequence: into('sequence', ['producer_no', 'pack_id', 'received_ms', 'expires_ms', 'ranges']),
    pack: into('pack', ['pack_id', 'sha256', 'bytes', 'request_id', 'principal', 'imported', 'received_min_ms', 'received_max_ms', 'expires_ms', 'outcomes']),
  };
}

function writeDelivery(statements: RestStatements, row: DeliveryRow): void {
  const id = idBytes(row.event_id);
  const { n } = statements.countDeliveries.get(id) as { n: number };
  if (n >= LIMITS.deliveries_per_event_max) return;
  statements.delivery.run(
    id,
    packBytes(row.pack_id),
    row.line,
    row.outcome,
    row.event_ms,
    row.event_sub_ns,
    row.received_ms,
    row.sent_ms,
    row.flags,
    expiryValue(row.expires_ms),
    hexBytes(row.payload_hash),
  );
}

function writeFailure(statement: StatementSync, row: FailureRow): void {
  const { received_ms, pack_id, line, kind, stage, code, path, detail, source, event_type, event_id, expires_ms } = row;
  const id = packBytes(pack_id);
  statement.run(received_ms, id, line, kind, stage, code, path, detail, source, event_type, event_id, expiryValue(expires_ms));
}

function writeSlice(statement: StatementSync, row: SliceRow, interning: Interning): void {
  statement.run(
    row.event_day,
    interning.series(row.source, row.event_type),
    packBytes(row.pack_id),
    row.received_min_ms,
    row.received_max_ms,
    row.imported ? 1 : 0,
    row.accepted,
    row.duplicates,
    row.conflicts,
    expiryValue(row.expires_ms),
    row.lag,
    row.delay,
    row.entries,
  );
}

function writeSequence(statement: StatementSync, row: SequenceRow, interning: Interning): void {
  const producer = interning.producer(row.producer_id);
  statement.run(producer, packBytes(row.pack_id), row.received_ms, expiryValue(row.expires_ms), JSON.stringify(row.ranges));
}

function writePack(statement: StatementSync, row: PackRow): void {
  statement.run(
    packBytes(row.pack_id),
    hexBytes(row.sha256),
    row.bytes,
    row.request_id,
    row.principal,
    row.imported ? 1 : 0,
    row.received_min_ms,
    row.received_max_ms,
    expiryValue(row.expires_ms),
    row.outcomes,
  );
}
