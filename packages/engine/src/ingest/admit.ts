import { at } from '@pik/schema';

import type { Context } from '../runtime/context.ts';
import type { Verdict } from './rules/classify.ts';
import { decideOutcomes, eventRows, type RequestOutcomes } from './rules/outcomes.ts';
import type { PackFacts } from './rules/pack-facts.ts';
import type { ReadRecord } from './rules/parse-record.ts';

/** Decides and counts the outcome of each record of a durable pack. The sweeper and the rebuild use it too. */
export async function admitRecords(
  context: Context,
  records: readonly ReadRecord[],
  pack: PackFacts,
): Promise<RequestOutcomes> {
  const rows = eventRows(records, pack);
  const outcomes = await context.backend.index.admit(rows, (insertions) =>
    decideOutcomes(records, rows, { pack, insertions }),
  );
  if (outcomes.pack !== null) context.inFlight.release(pack.pack_id);
  if (outcomes.pack !== null && !pack.imported) context.clock.received(outcomes.pack.received_max_ms);
  if (outcomes.pack !== null) context.announcements.admitted(pack.pack_id);
  count(context, records, outcomes.verdicts);
  return outcomes;
}

function count(context: Context, records: readonly ReadRecord[], verdicts: readonly (Verdict | null)[]): void {
  const { telemetry } = context;
  const lags: number[] = [];
  const sources = new Set<string>();
  const counts = { DUPLICATE: 0, CONFLICT: 0, REJECTED: 0, PENDING: 0 };
  for (let line = 0; line < records.length; line++) {
    if (at(records, line).erased !== undefined) continue;
    const status = verdicts[line]?.status ?? 'REJECTED';
    if (status !== 'ACCEPTED') counts[status] += 1;
    else {
      const { event } = at(records, line);
      if (event !== null) sources.add(event.source);
      lags.push(lagOf(at(records, line)));
    }
  }
  telemetry.count('IngestCount', records.length);
  telemetry.count('DuplicateCount', counts.DUPLICATE);
  telemetry.count('ConflictCount', counts.CONFLICT);
  telemetry.count('RejectedCount', counts.REJECTED);
  telemetry.observe('IngestLagMs', lags);
  for (const source of sources) telemetry.accepted?.(source);
}

function lagOf({ received_ms, event }: ReadRecord): number {
  return event === null ? 0 : received_ms - event.event_time.epoch_ms;
}
