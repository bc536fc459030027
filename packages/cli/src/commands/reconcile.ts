import { printable, tableText } from '@pik/render';
import { counted, KitError } from '@pik/schema';

import { sorted } from '../files/sorted.ts';
import { rowWriter } from '../forms/forms.ts';
import { writeErr, writeOut } from '../output.ts';
import { type ReceiptsOptions, readReceipts } from '../read-receipts.ts';
import { compareSorted, type Difference, type Totals } from '../reconcile/compare.ts';
import { BY_ID, type Entry } from '../reconcile/entry.ts';
import { entriesHere } from '../reconcile/here.ts';
import { entriesOfPostgres } from '../reconcile/postgres.ts';
import { entriesOfFile, pointer } from '../reconcile/there.ts';

/** Options of `pik reconcile`. */
export interface ReconcileOptions extends ReceiptsOptions {
  readonly id: string;
  readonly value?: string | undefined;
  readonly theirId?: string | undefined;
  readonly theirValue?: string | undefined;
  readonly postgres?: string | undefined;
  readonly query?: string | undefined;
  readonly grace: string;
  readonly limit: string;
}

const COLUMNS = ['id', 'kind', 'cause', 'here', 'there', 'receipt'] as const;

/** Compares the ids of another store with the receipts of a range. True if nothing differs. */
export async function reconcile(file: string | undefined, options: ReconcileOptions): Promise<boolean> {
  const pointers = { id: pointer(options.id), value: options.value === undefined ? null : pointer(options.value) };
  const there = sorted(entriesThere(file, options), BY_ID);
  const unnamed = { count: 0 };
  const here = sorted(entriesHere(readReceipts(options), { ...pointers, unnamed }), BY_ID);
  const recentFrom = new Date(Date.now() - Number(options.grace) * 60_000).toISOString();
  const totals: Totals = { here: 0, there: 0, same: 0, missing_here: 0, missing_there: 0, different: 0 };
  const rows = rowWriter(options, { columns: COLUMNS });
  const shown: Difference[] = [];
  const causes = new Map<string, number>();
  for await (const difference of compareSorted({ here, there, recentFrom }, totals)) {
    const cause = `${difference.kind} ${difference.cause}`;
    causes.set(cause, (causes.get(cause) ?? 0) + 1);
    if (rows !== null) rows.write(difference);
    else if (shown.length < Number(options.limit)) shown.push(difference);
  }
  if (rows === null) writeOut(`${text({ totals, causes, shown })}\n`);
  else rows.end();
  if (unnamed.count > 0)
    writeErr(`note: not compared: ${counted(unnamed.count, 'receipt')} without a value at ${options.id}\n`);
  return totals.missing_here + totals.missing_there + totals.different === 0;
}

function entriesThere(file: string | undefined, options: ReconcileOptions): AsyncIterable<Entry> {
  const { postgres, query, theirId, theirValue } = options;
  if (postgres !== undefined && query !== undefined && file === undefined) return entriesOfPostgres(postgres, query);
  if (file === undefined || postgres !== undefined)
    throw new KitError('REQUEST_INVALID', 'name a file, or --postgres together with --query');
  return entriesOfFile(file, { id: theirId, value: theirValue });
}

interface Found {
  readonly totals: Totals;
  readonly causes: ReadonlyMap<string, number>;
  readonly shown: readonly Difference[];
}

function text({ totals, causes, shown }: Found): string {
  const found = totals.missing_here + totals.missing_there + totals.different;
  const lines = [
    `${counted(totals.here, 'id')} here, ${counted(totals.there, 'id')} there: ${counted(totals.same, 'id')} in both and equal, ${counted(found, 'difference')}.`,
  ];
  if (found === 0) return lines.join('\n');
  const table = shown.map((row) => COLUMNS.map((name) => printable(row[name] ?? '–')));
  lines.push(
    tableText(
      ['cause', 'ids'],
      [...causes].map(([cause, count]) => [cause, String(count)]),
    ),
  );
  lines.push(tableText([...COLUMNS], table));
  if (found > shown.length) lines.push(`and ${found - shown.length} more; --json prints all of them`);
  return lines.join('\n');
}
