import { at, entityHash, OUTCOME_LETTERS } from '@pik/schema';
import type {
  DeliveryRow,
  EventOutcome,
  EventRow,
  FailureRow,
  Insertion,
  PackRow,
  RequestRows,
} from '../../ports/rows.ts';
import { classify, type Verdict } from './classify.ts';
import { conflictRow, deliveryOf, repeatOutcome } from './first-receipt.ts';
import { importRank } from './import-rank.ts';
import type { PackFacts } from './pack-facts.ts';
import type { ReadRecord } from './parse-record.ts';
import { sequenceRows } from './sequences.ts';
import { sliceRows } from './slices.ts';
import { warningRows } from './warnings.ts';

/** The rows of a pack, and the verdict on each of its lines; null for a rejected line. */
export interface RequestOutcomes extends RequestRows {
  readonly verdicts: readonly (Verdict | null)[];
}

/** The EVENT rows that the records of a pack produce, in line order. */
export function eventRows(records: readonly ReadRecord[], pack: PackFacts): EventRow[] {
  const rows: EventRow[] = [];
  for (let line = 0; line < records.length; line++) {
    const parsed = at(records, line);
    const { event, received_ms } = parsed;
    if (event === null) continue;
    rows.push({
      pack_id: pack.pack_id,
      line,
      event_id: event.event_id,
      position: event.position,
      rule: event.rule,
      source: event.source,
      event_type: event.event_type,
      entity_id: event.entity_id,
      idempotency_key: event.idempotency_key,
      producer_id: event.producer === null ? null : event.producer.id,
      producer_seq: event.producer === null ? null : event.producer.seq,
      event_ms: event.event_time.epoch_ms,
      event_sub_ns: event.event_time.sub_ms_ns,
      received_ms,
      sent_ms: event.sent_ms,
      payload_hash: event.payload_hash,
      flags: event.flags,
      expires_ms: pack.expires_ms,
      rank: parsed.imported ? importRank(parsed) : null,
      live: !parsed.imported,
      answered: 'ACCEPTED',
    });
  }
  return rows;
}

/**
 * Decides the outcomes of a pack and derives all rows that it leaves behind. `insertions[i]` belongs to `rows[i]`. For
 * the same pack it returns the same rows again, so that the sweeper may repeat an admission that a crash interrupted.
 */
export function decideOutcomes(
  records: readonly ReadRecord[],
  rows: readonly EventRow[],
  options: { pack: PackFacts; insertions: readonly Insertion[] },
): RequestOutcomes {
  const { pack, insertions } = options;
  const verdicts: (Verdict | null)[] = records.map(() => null);
  for (let i = 0; i < rows.length; i++) {
    const row = at(rows, i);
    verdicts[row.line] = classify(row, at(insertions, i));
  }
  return {
    verdicts,
    deliveries: deliveryRows(rows, verdicts),
    failures: [...rejectRows(records, pack), ...conflictRows(rows, verdicts), ...warningRows(records, pack)],
    slices: sliceRows(rows, verdicts, pack),
    sequences: sequenceRows(records, pack),
    pack: packRow(records, verdicts, pack),
  };
}

function deliveryRows(rows: readonly EventRow[], verdicts: readonly (Verdict | null)[]): DeliveryRow[] {
  const deliveries: DeliveryRow[] = [];
  for (const row of rows) {
    const { currentFirst, status } = verdicts[row.line] as Verdict;
    if (currentFirst !== null) deliveries.push(deliveryOf(row, currentFirst, status as EventOutcome));
  }
  return deliveries;
}

function rejectRows(records: readonly ReadRecord[], { pack_id, expires_ms }: PackFacts): FailureRow[] {
  const rejects: FailureRow[] = [];
  for (let line = 0; line < records.length; line++) {
    const { fault, source, event_type, entity_id, received_ms } = at(records, line);
    if (fault === null) continue;
    const entity_hash = entity_id === null ? null : entityHash(entity_id);
    const place = { pack_id, line, source, event_type, received_ms, expires_ms };
    const { code, path, detail } = fault;
    const rest = { event_id: null, entity_hash, window: null, payload_hash: null };
    rejects.push({ ...place, ...rest, kind: 'REJECT', stage: 'admit', code, path, detail });
  }
  return rejects;
}

function conflictRows(rows: readonly EventRow[], verdicts: readonly (Verdict | null)[]): FailureRow[] {
  const conflicts: FailureRow[] = [];
  for (const row of rows) {
    const { currentFirst } = verdicts[row.line] as Verdict;
    if (currentFirst !== null && repeatOutcome(row, currentFirst) === 'CONFLICT')
      conflicts.push(conflictRow(row, currentFirst));
  }
  return conflicts;
}

function packRow(
  records: readonly ReadRecord[],
  verdicts: readonly (Verdict | null)[],
  pack: PackFacts,
): PackRow | null {
  let outcomes = '';
  let received_min_ms = Number.POSITIVE_INFINITY;
  let received_max_ms = Number.NEGATIVE_INFINITY;
  const isAllErased = records.every(({ erased }) => erased !== undefined);
  for (let line = 0; line < records.length; line++) {
    const { received_ms, erased } = at(records, line);
    const status = verdicts[line]?.status ?? 'REJECTED';
    if (status === 'PENDING') return null;
    outcomes += erased ?? OUTCOME_LETTERS[status];
    // Only the hour of an erased receipt is known.
    if (erased !== undefined && !isAllErased) continue;
    if (received_ms < received_min_ms) received_min_ms = received_ms;
    if (received_ms > received_max_ms) received_max_ms = received_ms;
  }
  return { ...pack, outcomes, received_min_ms, received_max_ms };
}
