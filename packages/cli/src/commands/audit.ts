import { printable, shortTime, tableText } from '@pik/render';
import { type AuditRecord, auditQuestion, counted } from '@pik/schema';

import { investigator, print } from '../session.ts';
import { type AskOptions, flagsWithout, givenOf } from './question.ts';

/** The fields of `pik audit`; its `--limit` counts over all pages. */
export const AUDIT_FIELDS = flagsWithout(auditQuestion.fields, 'limit', 'cursor');

/** Lists who asked or did what, the latest first. */
export async function audit(options: AskOptions): Promise<void> {
  const selection = givenOf({ fields: AUDIT_FIELDS }, options);
  const found: AuditRecord[] = [];
  const notes = new Set<string>();
  const limit = Number(options.limit);
  let cursor: string | null | undefined;
  while (cursor !== null && found.length < limit) {
    const page = await investigator(options).ask('audit', { ...selection, cursor });
    for (const record of page.records) found.push(record);
    for (const note of page.notes ?? []) notes.add(note);
    cursor = page.next_cursor;
  }
  const shown = found.slice(0, limit);
  print(options, shown, () => [tableOf(shown), ...notes].join('\n'));
}

function tableOf(records: readonly AuditRecord[]): string {
  if (records.length === 0) return 'The audit has no such record.';
  const rows = records.map((record) => [
    shortTime(record.recorded_at),
    record.kind,
    printable(record.owner ?? record.principal ?? ''),
    record.route ?? '',
    whatText(record),
    record.code ?? record.status ?? '',
  ]);
  return tableText(['recorded', 'kind', 'who', 'route', 'asked', 'answer'], rows);
}

function whatText({ kind, lost, asked, searched }: AuditRecord): string {
  if (kind === 'LOST') return `${counted(lost, 'record')} could not be written`;
  const fields = Object.entries({ ...asked, ...searched }).map(([name, value]) => `${name}=${value}`);
  return printable(fields.join(' '));
}
