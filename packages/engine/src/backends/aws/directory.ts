import type { Clock } from '../../ports/backend.ts';
import type { Deadline } from './calls.ts';
import type { Table } from './table.ts';
import { text } from './values.ts';

/** The existing partitions: a listing reads only them, even if few days of a long range have rows. */
export interface Directory {
  /** Records a partition; durable when it resolves. Sends no request if this process recorded it recently. */
  note(deadline: Deadline, entry: string): Promise<void>;
  /** Lists entries in ascending or descending text order; `beyond` is the `next` of the previous page. */
  list(deadline: Deadline, range: EntryRange): Promise<{ entries: string[]; next: string | null }>;
}

/** Entries from one text on and below another. */
export interface EntryRange {
  readonly from: string;
  readonly below: string;
  readonly beyond: string | null;
  readonly descending: boolean;
}

/** How long this process assumes that its entries still exist: a table may be restored to an older state. */
const TRUSTED_MS = 3_600_000;
const TRUSTED_ENTRIES = 20_000;

/** Creates a directory whose entries share one partition; each process writes an entry at most once an hour. */
export function createDirectory(table: Table, options: { name: string; clock: Clock }): Directory {
  const { name: pk, clock } = options;
  let noted = new Set<string>();
  let sinceMs = clock.now();
  const trusted = () => {
    const age = clock.now() - sinceMs;
    if (age < 0 || age > TRUSTED_MS || noted.size > TRUSTED_ENTRIES) {
      noted = new Set();
      sinceMs = clock.now();
    }
    return noted;
  };
  return {
    async note(deadline, entry) {
      if (trusted().has(entry)) return;
      await table.put(deadline, { pk: text(pk), sk: text(entry) });
      noted.add(entry);
    },
    async list(deadline, { below, ...range }) {
      const page = await table.query(deadline, { ...range, pk, to: below });
      const entries = page.rows.map((row) => row.sk?.S ?? '').filter((entry) => entry < below);
      return { entries, next: page.reached };
    },
  };
}
