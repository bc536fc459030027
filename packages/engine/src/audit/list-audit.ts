import { type AuditPage, type AuditRecord, auditRecordSchema, counted, KitError } from '@pik/schema';

import { boundedPage, type PageQuery } from '../runtime/bounded-page.ts';
import type { Context } from '../runtime/context.ts';
import { type AuditFilter, isSelected } from './rules/audit-record.ts';

/** Returns a page of the audit, the latest first. Throws `AUDIT_UNSUPPORTED`, `CURSOR_INVALID`. */
export async function listAudit(
  { backend, budget }: Context,
  { limit, cursor, ...filter }: AuditFilter & PageQuery,
): Promise<AuditPage> {
  const { audit } = backend;
  // Without an audit, no page has returned a cursor.
  if (audit === undefined) throw new KitError(cursor === null ? 'AUDIT_UNSUPPORTED' : 'CURSOR_INVALID');
  let unreadable = 0;
  const range = { fromMs: filter.start_time, toMs: filter.end_time };
  const { items, next, cut } = await boundedPage<AuditRecord>(budget, { limit, cursor }, async (part) => {
    const page = await audit.list({ ...range, ...part });
    const records = page.items.map(parseRecord).filter((record) => record !== null);
    unreadable += page.items.length - records.length;
    return { items: records.filter((record) => isSelected(record, filter)), next: page.next };
  });
  const answer = { records: [...items], next_cursor: next };
  if (unreadable === 0) return { ...answer, ...cut };
  const notes = [`${counted(unreadable, 'line')} of the audit cannot be read`, ...(cut.notes ?? [])];
  return { ...answer, partial: true, notes };
}

/** Null for a line that was damaged. */
function parseRecord(line: string): AuditRecord | null {
  try {
    return auditRecordSchema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
