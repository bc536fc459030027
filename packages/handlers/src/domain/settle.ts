import { entityHash, OUTCOME_LETTERS } from '@pik/schema';

import type { DeliveryRow, EventRow, FailureRow, Insertion, PackRow, RequestRows } from '../ports/rows.ts';
import type { Arrival } from './admit.ts';
import { classify, type Verdict } from './classify.ts';
import { sequenceRows } from './sequences.ts';
import { sliceRows } from './slices.ts';
import { warningRows } from './warnings.ts';

/** What all rows of one request share. */
export interface PackFacts {
  readonly pack_id: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly request_id: string;
  readonly principal: string | null;
  readonly imported: boolean;
  readonly expires_ms: number;
}

/** The rows of a request, and the verdict on each of its lines; null for a rejected line. */
export interface Settlement extends RequestRows {
  readonly verdicts: readonly (Verdict | null)[];
}

/** The EVENT rows that the arrivals of a pack ask for, in line order. */
export function eventRows(arrivals: readonly Arrival[], pack: PackFacts): EventRow[] {
  const rows: EventRow[] = [];
  for (let line = 0; line < arrivals.length; line++) {
    const { event, received_ms } = arrivals[line] as Arrival;
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
    });
  }
  return rows;
}

/**
 * Everything that a request leaves behind, from what its inserts met. `met` goes with `rows`, row by row. Called again
 * for the same pack it gives the same rows, so that the sweeper may repeat what a crash cut short.
 */
export function settle(
  arrivals: readonly Arrival[],
  rows: readonly EventRow[],
  options: { pack: PackFacts; met: readonly Insertion[] },
): Settlement {
  const { pack, met } = options;
  const verdicts: (Verdict | null)[] = arrivals.map(() => null);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as EventRow;
    verdicts[row.line] = classify(row, met[i] as Insertion);
  }
  return {
    verdicts,
    deliveries: deliveryRows(rows, verdicts),
    failures: [...failureRows(arrivals, verdicts, pack), ...warningRows(arrivals, pack)],
    slices: sliceRows(rows, verdicts, pack),
    sequences: sequenceRows(arrivals, pack),
    pack: packRow(arrivals, verdicts, pack),
  };
}

function deliveryRows(rows: readonly EventRow[], verdicts: readonly (Verdict | null)[]): DeliveryRow[] {
  const deliveries: DeliveryRow[] = [];
  for (const row of rows) {
    const verdict = verdicts[row.line] as Verdict;
    if (verdict.status !== 'DUPLICATE' && verdict.status !== 'CONFLICT') continue;
    deliveries.push({
      pack_id: row.pack_id,
      line: row.line,
      event_id: row.event_id,
      outcome: verdict.status,
      event_ms: row.event_ms,
      event_sub_ns: row.event_sub_ns,
      received_ms: row.received_ms,
      sent_ms: row.sent_ms,
      payload_hash: row.payload_hash,
      flags: verdict.flags,
      expires_ms: row.expires_ms,
    });
  }
  return deliveries;
}

function failureRows(
  arrivals: readonly Arrival[],
  verdicts: readonly (Verdict | null)[],
  pack: PackFacts,
): FailureRow[] {
  const failures: FailureRow[] = [];
  for (let line = 0; line < arrivals.length; line++) {
    const arrival = arrivals[line] as Arrival;
    const common = {
      pack_id: pack.pack_id,
      line,
      source: arrival.source,
      event_type: arrival.event_type,
      entity_hash: null,
      window: null,
      received_ms: arrival.received_ms,
      expires_ms: pack.expires_ms,
    };
    if (arrival.fault !== null) {
      const { code, path, detail } = arrival.fault;
      const entity_hash = arrival.entity_id === null ? null : entityHash(arrival.entity_id);
      failures.push({ ...common, kind: 'REJECT', stage: 'admit', code, path, detail, event_id: null, entity_hash });
    } else if (verdicts[line]?.status === 'CONFLICT') {
      const detail = 'the same key came with another payload';
      const event_id = arrival.event?.event_id ?? null;
      failures.push({ ...common, kind: 'CONFLICT', stage: 'classify', code: 'CONFLICT', path: null, detail, event_id });
    }
  }
  return failures;
}

function packRow(arrivals: readonly Arrival[], verdicts: readonly (Verdict | null)[], pack: PackFacts): PackRow | null {
  let outcomes = '';
  let received_min_ms = Number.POSITIVE_INFINITY;
  let received_max_ms = Number.NEGATIVE_INFINITY;
  for (let line = 0; line < arrivals.length; line++) {
    const status = verdicts[line]?.status ?? 'REJECTED';
    if (status === 'PENDING') return null;
    outcomes += OUTCOME_LETTERS[status];
    const { received_ms } = arrivals[line] as Arrival;
    if (received_ms < received_min_ms) received_min_ms = received_ms;
    if (received_ms > received_max_ms) received_max_ms = received_ms;
  }
  return { ...pack, outcomes, received_min_ms, received_max_ms };
}
