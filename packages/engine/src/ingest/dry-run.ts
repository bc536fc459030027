import { at } from '@pik/schema';

import type { EventRow, Insertion } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { classify, type Verdict } from './rules/classify.ts';
import { admissionOrder, nextFirst } from './rules/first-receipt.ts';
import { eventRows } from './rules/outcomes.ts';
import type { ReadRecord } from './rules/parse-record.ts';

/** Concurrent reads, so that a dry run of a large batch does not take one round trip per event. */
const READS_AT_ONCE = 50;

/** Predicts the verdicts that ingest would give now. Reads the index, writes nothing, counts nothing. */
export async function predictOutcomes(context: Context, records: readonly ReadRecord[]): Promise<(Verdict | null)[]> {
  const rows = eventRows(records, {
    pack_id: '',
    sha256: '',
    bytes: 0,
    requests: [],
    imported: false,
    expires_ms: Number.POSITIVE_INFINITY,
    sequence: null,
  });
  const stored = new Map<string, EventRow | null>();
  for (let i = 0; i < rows.length; i += READS_AT_ONCE) {
    const some = rows.slice(i, i + READS_AT_ONCE);
    const found = await Promise.all(some.map((row) => context.backend.index.getEvent(row.event_id)));
    for (const [j, row] of some.entries()) stored.set(row.event_id, found[j] ?? null);
  }
  const verdicts: (Verdict | null)[] = records.map(() => null);
  for (const place of admissionOrder(rows)) {
    const row = at(rows, place);
    const there = stored.get(row.event_id) ?? null;
    const insertion: Insertion =
      there === null ? { kind: 'inserted', replaced_expired: false } : { kind: 'present', stored: there };
    verdicts[row.line] = classify(row, insertion);
    stored.set(row.event_id, there === null ? row : nextFirst(row, there));
  }
  return verdicts;
}
