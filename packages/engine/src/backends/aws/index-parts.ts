import type { Clock } from '../../ports/backend.ts';
import type { Calls } from './calls.ts';
import type { Directory } from './directory.ts';
import type { DayKind } from './keys.ts';
import type { Table } from './table.ts';
import type { Timing } from './timing.ts';

/** The parts of the index. */
export interface IndexParts {
  readonly table: Table;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly timing: Timing;
}

/** The directories of the days that have rows, by kind. */
export type DayDirectories = Readonly<Record<DayKind, Directory>>;
