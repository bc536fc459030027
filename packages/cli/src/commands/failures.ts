import { readFileSync } from 'node:fs';
import { failuresView, printable, tableText } from '@pik/render';
import { KitError, type ReingestAnswer } from '@pik/schema';
import { type GlobalOptions, investigator, print } from '../session.ts';
import { show } from '../show.ts';
import { type ReportOptions, selection, shownRows } from './report-options.ts';

/** What fails, ranked by the surest rate. */
export async function failures(options: ReportOptions & { baselineFrom?: string }): Promise<void> {
  const { basis, include_imported, ...rest } = selection(options);
  const report = await investigator(options).failures({ ...rest, baseline_from: options.baselineFrom });
  await show(shownRows(options), report, failuresView);
}

/** Sends rejected receipts again; true when none of them was rejected again. */
export async function reingest(
  receipts: readonly string[],
  options: GlobalOptions & { body?: string },
): Promise<boolean> {
  if (options.body !== undefined && receipts.length !== 1)
    throw new KitError('REQUEST_INVALID', '--body goes with exactly one receipt');
  const body = options.body === undefined ? undefined : readFileSync(options.body === '-' ? 0 : options.body, 'utf8');
  const answer = await investigator(options).reingest(receipts.map((receipt) => ({ ...addressOf(receipt), body })));
  print(options, answer, () => reingestText(answer));
  return answer.results.every(({ result }) => result.status !== 'REJECTED');
}

function addressOf(receipt: string): { pack_id: string; line: number } {
  const match = /^([0-9a-f-]{36})\/(\d{1,9})$/.exec(receipt);
  if (match === null)
    throw new KitError('REQUEST_INVALID', `${receipt} is no receipt: write PACK/LINE, as pik rejects does`);
  return { pack_id: match[1] as string, line: Number(match[2]) };
}

function reingestText({ results }: ReingestAnswer): string {
  const rows = results.map(({ original, result }) => [
    `${original.pack_id}/${original.line}`,
    result.status,
    result.event_id ?? printable(result.detail ?? ''),
  ]);
  return tableText(['original', 'now', ''], rows);
}
