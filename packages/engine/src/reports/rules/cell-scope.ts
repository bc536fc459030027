import { MS_PER_DAY } from '@pik/schema';

import type { CellRow } from '../../ports/cell-row.ts';
import {
  type Coverage,
  type GroupName,
  isOneGroupOf,
  nameOf,
  type ReportScope,
  rangeCoverage,
} from './report-scope.ts';

/** Returns whether a cell counts completely, not at all, or must be read receipt by receipt. */
export function coverageOfCell(cell: CellRow, scope: ReportScope): Coverage {
  if (cell.imported && !scope.includeImported) return 'none';
  const [receivedFrom, receivedTo] = [cell.received_min_ms, cell.received_max_ms + 1];
  const received = rangeCoverage([receivedFrom, receivedTo], [Number.NEGATIVE_INFINITY, scope.asOfMs + 1]);
  const span: [number, number] =
    scope.basis === 'event' ? [cell.event_min_ms, cell.event_max_ms + 1] : [receivedFrom, receivedTo];
  const range = rangeCoverage(span, [scope.start_time, scope.end_time]);
  if (received === 'none' || range === 'none') return 'none';
  return received === 'all' && range === 'all' && isOneGroupOf(span, scope) ? 'all' : 'some';
}

/** Returns the group of a cell that counts completely. */
export function groupOfCell(cell: CellRow, scope: ReportScope): GroupName {
  return nameOf(cell, scope, scope.basis === 'event' ? cell.event_min_ms : cell.received_min_ms);
}

/** The event day of all receipts of a cell. */
export function eventDayOf({ event_min_ms }: CellRow): number {
  return Math.floor(event_min_ms / MS_PER_DAY);
}

/** The number of receipts of a cell. */
export function receiptsOf({ accepted, duplicates, conflicts }: CellRow): number {
  return accepted + duplicates + conflicts;
}
