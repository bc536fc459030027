import { at, LETTER_OUTCOMES, MS_PER_DAY, type OutcomeLetter } from '@pik/schema';

import { isAt, repeatOutcome } from '../../ingest/rules/first-receipt.ts';
import type { ParsedRecord } from '../../ingest/rules/parse-record.ts';
import type { ClosedEvent, ClosedReceipt, SlicePlace } from '../../ports/closed-hours.ts';
import type { EventRow, PackedRequest, SliceRow } from '../../ports/rows.ts';
import { decodeEntries, encodeEntries, type SliceEntry } from '../../storage/rules/slice-codec.ts';

/** The slices that hold the events of a pack. */
export function slicePlaces(rows: readonly EventRow[]): SlicePlace[] {
  const places = new Map<string, SlicePlace>();
  for (const { pack_id, source, event_type, event_ms } of rows) {
    const event_day = Math.floor(event_ms / MS_PER_DAY);
    const key = `${event_day}\u0000${source}\u0000${event_type}`;
    if (!places.has(key)) places.set(key, { pack_id, event_day, source, event_type });
  }
  return [...places.values()];
}

/** A pack: its records, their outcomes, and the slices of its events. */
export interface AdmittedPack {
  readonly pack_id: string;
  readonly records: readonly ParsedRecord[];
  readonly rows: readonly EventRow[];
  /** One letter per line. */
  readonly outcomes: string;
  readonly requests: readonly PackedRequest[];
  readonly slices: readonly SliceRow[];
}

/**
 * The receipts of a pack as they were admitted, in the order of its lines, without erased ones; null if a slice or an outcome is missing.
 */
export function closedReceipts(pack: AdmittedPack): ClosedReceipt[] | null {
  const entries = new Map<number, SliceEntry>();
  for (const slice of pack.slices) for (const entry of decodeEntries(slice.entries)) entries.set(entry.line, entry);
  const events = new Map(pack.rows.map((row) => [row.line, row]));
  const receipts: ClosedReceipt[] = [];
  let start = 0;
  for (const { request_id, lines } of pack.requests) {
    for (let request_line = 0; request_line < lines; request_line++) {
      const line = start + request_line;
      const record = at(pack.records, line);
      if (record.erased !== undefined) continue;
      const { received_ms, imported } = record;
      const place = { pack_id: pack.pack_id, line, request_id, request_line, imported, received_ms };
      const [row, entry] = [events.get(line), entries.get(line)];
      const answered = LETTER_OUTCOMES[pack.outcomes[line] as OutcomeLetter];
      if (row === undefined) receipts.push({ ...place, ...rejectFields(record) });
      else if (entry === undefined || answered === undefined || answered === 'REJECTED') return null;
      else receipts.push({ ...place, ...eventFields(row, entry), answered });
    }
    start += lines;
  }
  return receipts;
}

function rejectFields({ fault, source, event_type }: ParsedRecord) {
  return {
    answered: 'REJECTED',
    outcome: 'REJECTED',
    code: fault === null ? '' : fault.code,
    source,
    event_type,
  } as const;
}

function eventFields(row: EventRow, { outcome, first_received_ms }: SliceEntry) {
  return {
    outcome,
    first_received_ms,
    source: row.source,
    event_type: row.event_type,
    entity_id: row.entity_id,
    event_id: row.event_id,
    rule: row.rule,
    idempotency_key: row.idempotency_key,
    event_ms: row.event_ms,
    event_sub_ns: row.event_sub_ns,
    sent_ms: row.sent_ms,
    payload_hash: row.payload_hash,
    producer_id: row.producer_id,
    producer_seq: row.producer_seq,
    flags: row.flags,
  };
}

/** A slice without the receipts at these lines; null if none is left. Only its receipts are those of the result. */
export function sliceWithout(slice: SliceRow, lines: ReadonlySet<number>): SliceRow | null {
  if (lines.size === 0) return slice;
  const entries = decodeEntries(slice.entries).filter(({ line }) => !lines.has(line));
  return entries.length === 0 ? null : { ...slice, entries: encodeEntries(entries) };
}

/** A receipt compared with the first receipt of its event. */
export function comparedWith(receipt: ClosedEvent, first: EventRow): ClosedEvent {
  return isAt(receipt, first)
    ? { ...receipt, outcome: 'ACCEPTED', first_received_ms: null }
    : { ...receipt, outcome: repeatOutcome(receipt, first), first_received_ms: first.received_ms };
}
