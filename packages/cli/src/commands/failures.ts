import { readFileSync } from 'node:fs';

import { type FailuresReport, KitError, type ReingestAnswer } from '@pik/schema';

import { type GlobalOptions, investigator, print } from '../session.ts';
import { percent, printable, shortTime, table } from '../terminal.ts';
import { groupName, more, type ReportOptions, ROWS_MAX, selection } from './report-options.ts';

/** What fails, ranked by the surest rate. */
export async function failures(options: ReportOptions & { baselineFrom?: string }): Promise<void> {
  const { basis, include_imported, ...rest } = selection(options);
  const report = await investigator(options).failures({ ...rest, baseline_from: options.baselineFrom });
  print(options, report, () => failuresText(report));
}

/** A failures report for a person. */
export function failuresText(report: FailuresReport): string {
  if (report.groups.length === 0) return ['Nothing failed in this range.', ...more(report)].join('\n');
  const rows = report.groups
    .slice(0, ROWS_MAX)
    .map((one) => [
      groupName(one.group) || 'unknown series',
      `${one.code}${one.path === null ? '' : ` at ${one.path}`}`,
      one.detail ?? '',
      one.count,
      one.receipts,
      `≥ ${percent(one.share_low)}`,
      one.is_new === true ? 'new' : '',
      shortTime(one.last_seen),
      sampleOf(one),
    ]);
  const head = ['', 'what', 'why', 'failures', 'of receipts', 'rate', '', 'last', 'sample'];
  return [table(head, rows), ...more(report)].join('\n');
}

function sampleOf({ samples }: FailuresReport['groups'][number]): string {
  const [first] = samples;
  return first === undefined ? '' : `${first.pack_id}/${first.line}`;
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
  return table(['original', 'now', ''], rows);
}
