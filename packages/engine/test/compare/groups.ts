import type { Envelope } from '@pik/schema';

import { findDifferences } from '../../src/compare/find-differences.ts';
import { ComparedTable } from '../../src/compare/rules/compared-table.ts';
import { endlessBudget } from '../../src/runtime/budget.ts';
import { factsOf, type ReceiptFacts } from '../../src/search/rules/receipt-facts.ts';

// Groups of receipts for tests of comparisons, without a log.

const ENVELOPE: Envelope = {
  received_at: '2026-01-05T00:00:00.000000000Z',
  request_id: 'r',
  line: 0,
  principal: 'p',
  imported: false,
  event_id: 'e',
  reject_code: null,
  source: 'shop',
  event_type: 'order.placed',
  entity_id: 'order',
  event_time: '2026-01-05T00:00:00.000000000Z',
  payload_hash: 'h',
};

/** The facts of a receipt with this payload. */
export function receiptOf(payload: unknown, fields: Partial<Envelope> = {}): ReceiptFacts {
  const body = JSON.stringify({ event_type: 't', payload });
  return factsOf({ ...ENVELOPE, ...fields, body }, { outcomes: null, withDigits: false });
}

/** Compares two groups. */
export async function differencesOf(
  groups: readonly [readonly ReceiptFacts[], readonly ReceiptFacts[]],
  options: { readonly depth: number; readonly support: number },
) {
  const table = new ComparedTable(new Set());
  for (const group of [0, 1] as const) for (const facts of groups[group]) table.add(group, facts);
  return { table, ...(await findDifferences({ budget: endlessBudget() }, table, options)) };
}

/** Two groups of a size each, drawn from a list without putting back. */
export function drawn<T>(from: readonly T[], sizes: readonly [number, number], random: () => number): [T[], T[]] {
  const rest = [...from];
  const draw = (size: number) =>
    Array.from({ length: size }, () => {
      const at = Math.floor(random() * rest.length);
      const [one, last] = [rest[at], rest.pop()];
      if (one === undefined || last === undefined) throw new RangeError('not enough to draw from');
      if (at < rest.length) rest[at] = last;
      return one;
    });
  return [draw(sizes[0]), draw(sizes[1])];
}
