import { LIMITS, unknownFieldsHint } from '@pik/schema';

import type { FailureRow } from '../../ports/rows.ts';
import type { PackFacts } from './pack-facts.ts';
import type { EventFacts, ReadRecord } from './parse-record.ts';

/**
 * One row for all receipts of a request that have the same unknown members in the same series: a producer that always sends
 * an extra member must not double its rows. Beyond the limit, further sets of names only set a flag on their receipts.
 */
export function warningRows(records: readonly ReadRecord[], pack: PackFacts): FailureRow[] {
  if (!records.some(({ event }) => event !== null && event.unknown.length > 0)) return [];
  let start = 0;
  return pack.requests.flatMap(({ lines }) => {
    start += lines;
    return requestWarnings(records.slice(start - lines, start), { pack, start: start - lines });
  });
}

function requestWarnings(
  records: readonly ReadRecord[],
  { pack, start }: { pack: PackFacts; start: number },
): FailureRow[] {
  const rows = new Map<string, FailureRow & { receipts: number }>();
  for (const [place, parsed] of records.entries()) {
    const { event } = parsed;
    if (event === null || event.unknown.length === 0) continue;
    const unknown = event.unknown.toSorted();
    const name = JSON.stringify([event.source, event.event_type, unknown]);
    const known = rows.get(name);
    const at = { ...pack, line: start + place, received_ms: parsed.received_ms };
    if (known !== undefined) known.receipts += 1;
    else if (rows.size < LIMITS.unknown_field_warnings_max) rows.set(name, warningRow(event, unknown, at));
  }
  return [...rows.values()];
}

/** The maximum length of a path or detail: the caller chooses the names in it. */
const TEXT_CHARS_MAX = 300;

function warningRow(
  { source, event_type, event_id }: EventFacts,
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
