import { ERRORS, flagNames, formatEpochMs, type IngestResult, unknownFieldsHint } from '@pik/schema';
import type { Verdict } from './classify.ts';
import type { ReadRecord } from './parse-record.ts';

/** Where a receipt was stored; nulls in a dry run. */
export type StoredAt =
  | { readonly line: number; readonly rawKey: string }
  | { readonly line: null; readonly rawKey: null };

/** The answer of ingest for one record. Empty fields are omitted, since most answers are long lists. */
export function verdictResult(parsed: ReadRecord, verdict: Verdict | null, stored: StoredAt): IngestResult {
  const { event, fault } = parsed;
  const at = { raw_key: stored.rawKey, line: stored.line };
  if (event === null || verdict === null) {
    const rejection: IngestResult = { event_id: null, status: 'REJECTED', lag_ms: null, ...at };
    if (fault === null) return rejection;
    rejection.code = fault.code;
    if (fault.path !== null) rejection.path = fault.path;
    rejection.detail = fault.detail;
    return rejection;
  }
  const lag_ms = parsed.received_ms - event.event_time.epoch_ms;
  const result: IngestResult = { event_id: event.event_id, status: verdict.status, lag_ms, ...at };
  if (verdict.first !== null) result.first_received_at = formatEpochMs(verdict.first.received_ms);
  const detail = detailOf(parsed, verdict);
  if (detail !== null) result.detail = detail;
  if (verdict.flags !== 0) result.flags = flagNames(verdict.flags);
  if (event.unknown.length > 0) result.hint = unknownFieldsHint(event.unknown);
  if (verdict.status === 'PENDING') {
    result.code = 'PENDING';
    result.detail = ERRORS.PENDING.title;
    result.retryable = true;
  }
  return result;
}

/** Explains the status of a repeat that involves an import; null if the status needs no explanation. */
function detailOf({ imported }: ReadRecord, { first, currentFirst, status }: Verdict): string | null {
  if (first === null) return null;
  const isFirst = currentFirst === null;
  if (status === 'DUPLICATE') return isFirst ? 'the event is known from this earlier receive time on' : null;
  if (isFirst) {
    return imported
      ? 'it claims an earlier receive time than the import that was first, and replaces it as the first receipt; both are kept'
      : 'only imports had this key so far; this live receipt becomes the first receipt, and both are kept';
  }
  return imported && currentFirst.live
    ? 'a live receipt has the same key and another payload; it stays the event, whatever receive time an import claims'
    : null;
}
