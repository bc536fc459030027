import { at, MS_PER_DAY } from '@pik/schema';

import type { EventRow, NewSliceRow, SliceRow } from '../../ports/rows.ts';
import { addTo, createHistogram, encodeHistogram } from '../../statistics/histogram.ts';
import { decodeEntries, encodeEntries, type SliceEntry } from '../../storage/rules/slice-codec.ts';
import type { Verdict } from './classify.ts';
import { isAt, repeatOutcome } from './first-receipt.ts';

/** The decided receipts of a pack, grouped by source, type and event day. */
export function sliceRows(
  rows: readonly EventRow[],
  verdicts: readonly (Verdict | null)[],
  pack: { pack_id: string; imported: boolean; expires_ms: number },
): NewSliceRow[] {
  const groups = new Map<string, EventRow[]>();
  for (const row of rows) {
    if (verdicts[row.line]?.status === 'PENDING') continue;
    // Ids are free of control characters, so the separator cannot be part of one.
    const key = `${Math.floor(row.event_ms / MS_PER_DAY)}\u0000${row.source}\u0000${row.event_type}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return [...groups.values()].map((group) => sliceOf(group, verdicts, pack));
}

function sliceOf(
  group: readonly EventRow[],
  verdicts: readonly (Verdict | null)[],
  pack: { pack_id: string; imported: boolean; expires_ms: number },
): NewSliceRow {
  const entries = group.map((row) => entryOf(row, (verdicts[row.line] as Verdict).currentFirst));
  const { source, event_type, event_ms } = at(group, 0);
  return sliceOfEntries(entries, { ...pack, source, event_type, event_day: Math.floor(event_ms / MS_PER_DAY) });
}

/** The slice of receipts of one pack, series and event day, in order of their lines. */
export function sliceOfEntries(
  entries: readonly SliceEntry[],
  common: Pick<SliceRow, 'pack_id' | 'source' | 'event_type' | 'event_day' | 'imported' | 'expires_ms'>,
): NewSliceRow {
  let received_min_ms = Number.POSITIVE_INFINITY;
  let received_max_ms = Number.NEGATIVE_INFINITY;
  for (const { received_ms } of entries) {
    received_min_ms = Math.min(received_min_ms, received_ms);
    received_max_ms = Math.max(received_max_ms, received_ms);
  }
  const { pack_id, source, event_type, event_day, imported, expires_ms } = common;
  let encoded: Uint8Array | null = null;
  return {
    pack_id,
    source,
    event_type,
    event_day,
    received_min_ms,
    received_max_ms,
    imported,
    ...counted(entries),
    expires_ms,
    receipts: entries,
    get entries() {
      encoded ??= encodeEntries(entries);
      return encoded;
    },
  };
}

/** The counts and histograms of receipts. */
function counted(
  entries: readonly SliceEntry[],
): Pick<SliceRow, 'accepted' | 'duplicates' | 'conflicts' | 'lag' | 'delay'> {
  const counts = { ACCEPTED: 0, DUPLICATE: 0, CONFLICT: 0 };
  const lag = createHistogram();
  const delay = createHistogram();
  for (const { outcome, received_ms, event_ms, first_received_ms } of entries) {
    counts[outcome] += 1;
    if (first_received_ms === null) addTo(lag, received_ms - event_ms);
    else addTo(delay, received_ms - first_received_ms);
  }
  return {
    accepted: counts.ACCEPTED,
    duplicates: counts.DUPLICATE,
    conflicts: counts.CONFLICT,
    lag: encodeHistogram(lag),
    delay: encodeHistogram(delay),
  };
}

/**
 * Compares the entries at these lines with the current first receipts of their events, and counts the slice again. Entries
 * of expired events stay as they were.
 */
export function reclassifySlice(slice: SliceRow, firsts: ReadonlyMap<number, EventRow>): SliceRow {
  const entries = decodeEntries(slice.entries).map((entry) => {
    const first = firsts.get(entry.line);
    return first === undefined ? entry : reclassifyEntry(entry, { pack_id: slice.pack_id, first });
  });
  return { ...slice, ...counted(entries), entries: encodeEntries(entries) };
}

function reclassifyEntry(entry: SliceEntry, { pack_id, first }: { pack_id: string; first: EventRow }): SliceEntry {
  return isAt({ pack_id, line: entry.line }, first)
    ? { ...entry, outcome: 'ACCEPTED', first_received_ms: null }
    : { ...entry, outcome: repeatOutcome(entry, first), first_received_ms: first.received_ms };
}

function entryOf(row: EventRow, first: EventRow | null): SliceEntry {
  return {
    event_id: row.event_id,
    outcome: first === null ? 'ACCEPTED' : repeatOutcome(row, first),
    event_ms: row.event_ms,
    event_sub_ns: row.event_sub_ns,
    received_ms: row.received_ms,
    payload_hash: row.payload_hash,
    line: row.line,
    sent_ms: row.sent_ms,
    first_received_ms: first === null ? null : first.received_ms,
  };
}
