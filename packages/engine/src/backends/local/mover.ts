import type { DatabaseSync, StatementSync } from 'node:sqlite';

import { isAt, needsOthers, nextFirst, rowsAfterMove } from '../../ingest/rules/first-receipt.ts';
import type { DeliveryRow, EventOutcome, EventRow, FailureRow, Insertion, RecheckRow } from '../../ports/rows.ts';
import { type DeliveryColumns, idBytes, packBytes, toDeliveryRow } from './codec.ts';
import type { Interning } from './interning.ts';
import { DELIVERIES } from './queries.ts';
import { prepareRows } from './sqlite.ts';

/** A stored event and its row number. */
export interface StoredEvent {
  readonly id: Uint8Array;
  readonly eventNo: number;
  readonly stored: EventRow;
}

/** The writes of a move, done by the writer. */
export interface MoveWrites {
  /** Replaces the stored first receipt. */
  replace(first: EventRow, at: StoredEvent): void;
  /** Stores the former first receipt as a delivery. */
  keep(former: EventRow, first: EventRow): void;
  failure(row: FailureRow): void;
}

/** Decides between a stored first receipt and one that may precede it, within the transaction of the request. */
export interface Mover {
  resolve(row: EventRow, at: StoredEvent): Insertion;
  /** Deletes the rechecks of an expired event. */
  drop(id: Uint8Array): void;
}

/** A mover over prepared statements. */
export function createMover(db: DatabaseSync, interning: Interning, writes: MoveWrites): Mover {
  const own = prepareRows<{ outcome: EventOutcome }>(
    db,
    'SELECT outcome FROM delivery WHERE event_id = ? AND pack_id = ? AND line = ?',
  );
  const all = prepareRows<DeliveryColumns>(db, `${DELIVERIES} WHERE event_id = ?`);
  const drop = db.prepare('DELETE FROM recheck WHERE event_id = ?');
  const recheck = db.prepare(
    'INSERT OR IGNORE INTO recheck (event_day, series_no, pack_id, line, event_id) VALUES (?, ?, ?, ?, ?)',
  );
  const deliveriesOf = (id: Uint8Array): DeliveryRow[] => all.all(id).map(toDeliveryRow);
  return {
    resolve(row, at) {
      const { id, stored } = at;
      if (isAt(row, stored)) return { kind: 'present', stored };
      const before = own.get(id, packBytes(row.pack_id), row.line);
      if (before !== undefined) return { kind: 'present', stored, answered: before.outcome };
      const first = nextFirst(row, stored, needsOthers(row, stored) ? deliveriesOf(id) : []);
      if (first === stored) return { kind: 'present', stored };
      writes.replace(first, at);
      if (!isAt(first, stored)) {
        writes.keep(stored, first);
        const { rechecks, failures } = rowsAfterMove(first, deliveriesOf(id));
        for (const one of rechecks) writeRecheck(recheck, one, interning);
        for (const one of failures) writes.failure(one);
      }
      return { kind: 'present', stored, first };
    },
    drop(id) {
      drop.run(id);
    },
  };
}

function writeRecheck(statement: StatementSync, row: RecheckRow, interning: Interning): void {
  const series = interning.series(row.source, row.event_type);
  statement.run(row.event_day, series, packBytes(row.pack_id), row.line, idBytes(row.event_id));
}
