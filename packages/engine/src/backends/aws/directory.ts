import type { Clock } from '../../ports/backend.ts';
import type { Deadline } from './calls.ts';
import type { Table } from './table.ts';
import { text } from './values.ts';

/** Which partitions there are: a listing reads them and no others, however few days of a long range have rows. */
export interface Directory {
  /** Notes a partition; durable when it resolves. Sends nothing for one that this process noted lately. */
  note(deadline: Deadline, entry: string): Promise<void>;
  /** A page of entries in text order, or the other way round; `beyond` is the `next` of the page before. */
  list(deadline: Deadline, range: EntryRange): Promise<{ entries: string[]; next: string | null }>;
}

/** Entries from one text on and below another. */
export interface EntryRange {
  readonly from: string;
  readonly below: string;
  readonly beyond: string | null;
  readonly descending: boolean;
}

/** How long this process trusts that what it noted is still there: a table may be put back to an older state. */
const TRUSTED_MS = 3_600_000;
const TRUSTED_ENTRIES = 20_000;

/** The entries of one directory, all in the partition of its name: written once an hour and process at most, read once per listing. */
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
