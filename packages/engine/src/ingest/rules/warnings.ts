import { LIMITS, unknownFieldsHint } from '@pik/schema';

import type { FailureRow } from '../../ports/rows.ts';
import type { PackFacts } from './pack-facts.ts';
import type { EventFields, ParsedRecord } from './parse-record.ts';

/**
 * One row for all receipts of a request that have the same unknown members in the same series: a producer that always sends
 * an extra member must not double its rows. Beyond the limit, further sets of names only set a flag on their receipts.
 */
export function warningRows(records: readonly ParsedRecord[], pack: PackFacts): FailureRow[] {
  const rows = new Map<string, FailureRow & { receipts: number }>();
  for (const [line, parsed] of records.entries()) {
    const { event } = parsed;
    if (event === null || event.unknown.length === 0) continue;
    const unknown = event.unknown.toSorted();
    const name = JSON.stringify([event.source, event.event_type, unknown]);
    const known = rows.get(name);
    if (known !== undefined) known.receipts += 1;
    else if (rows.size < LIMITS.unknown_field_warnings_max)
      rows.set(name, warningRow(event, unknown, { ...pack, line, received_ms: parsed.received_ms }));
  }
  return [...rows.values()];
}

/** The maximum length of a path or detail: the caller chooses the names in it. */
const TEXT_CHARS_MAX = 300;

function warningRow(
  { source, event_type, event_id }: EventFields,
  unknown: readonly string[],
  at: Pick<PackFacts, 'pack_id' | 'expires_ms'> & { readonly line: number; readonly received_ms: number },
): FailureRow & { receipts: number } {
  const { pack_id, line, received_ms, expires_ms } = at;
  return {
    kind: 'WARNING',
    stage: 'admit',
    code: 'UNKNOWN_FIELD',
    path: cut(unknown.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(' ')),
    detail: cut(unknownFieldsHint(unknown)),
    receipts: 1,
    ...{
      source,
      event_type,
      event_id,
      pack_id,
      line,
      received_ms,
      expires_ms,
      entity_hash: null,
      window: null,
      payload_hash: null,
    },
  };
}

function cut(text: string): string {
  return (text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text).toWellFormed();
}
