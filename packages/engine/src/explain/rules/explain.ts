import {
  counted,
  durationText,
  type EventExplanation,
  type Finding,
  formatEpochMs,
  type IdentityRule,
} from '@pik/schema';

import type { DeliveryRow, EventRow } from '../../ports/rows.ts';
import { countFrom, type Histogram } from '../../statistics/histogram.ts';
import { deliveryView, eventView } from '../../storage/rules/event-view.ts';

/** The state of a receipt's bytes in the raw log. */
export interface BytesCheck {
  readonly state: 'OK' | 'MISSING' | 'CORRUPT' | 'DIFFERS';
  readonly text: string;
  readonly body?: string;
}

/** All facts found about an event. */
export interface FoundEvent {
  readonly row: EventRow;
  readonly asOfMs: number;
  /** Null if they were not read. */
  readonly deliveries: readonly DeliveryRow[] | null;
  readonly deliveriesCut: boolean;
  /** Null if they were not read. */
  readonly bytes: BytesCheck | null;
  /** Lags of the first arrivals of its series on its event day. */
  readonly seriesLags: Histogram;
  readonly findings: readonly Finding[];
  readonly versions: EventExplanation['versions'];
  readonly replays: EventExplanation['replays'];
}

const RULES: Record<IdentityRule, string> = {
  key: 'new by its idempotency key: no earlier receipt of this source, type and entity had the same key',
  occurrence: "new by its producer's sequence number: each emit is an event of its own",
  content: 'new by its content: no earlier receipt had the same source, type, entity, time and payload (inferred)',
};

/** Builds the explanation of an event that was found. */
export function explainFound(facts: FoundEvent): EventExplanation {
  const { row, deliveries } = facts;
  const lateness = latenessOf(row, facts.seriesLags);
  return {
    found: true,
    summary: summaryOf(row, deliveries, lateness),
    as_of: formatEpochMs(facts.asOfMs),
    event: eventView(row),
    outcome: 'ACCEPTED',
    rule: RULES[row.rule],
    lateness,
    deliveries: (deliveries ?? []).map((delivery) => deliveryView(delivery, row)),
    deliveries_cut: facts.deliveriesCut,
    bytes: facts.bytes,
    versions: facts.versions,
    replays: facts.replays,
    findings: [...facts.findings],
  };
}

/** Builds the explanation of an event that was not found; the first finding is the summary. */
export function explainMissing(asOfMs: number, findings: readonly Finding[]): EventExplanation {
  return {
    found: false,
    summary: findings[0]?.text ?? 'The kit does not know this event.',
    as_of: formatEpochMs(asOfMs),
    event: null,
    outcome: null,
    rule: null,
    lateness: null,
    deliveries: [],
    deliveries_cut: false,
    bytes: null,
    versions: [],
    replays: [],
    findings: [...findings],
  };
}

function latenessOf(row: EventRow, lags: Histogram): EventExplanation['lateness'] {
  const lag_ms = row.received_ms - row.event_ms;
  if (lags.count === 0) return null;
  // Its own bucket counts as not faster, since it contains the event itself.
  const faster = lags.count - countFrom(lags, lag_ms);
  return { lag_ms, later_than_share: faster / lags.count, of_events: lags.count };
}

function summaryOf(
  row: EventRow,
  deliveries: readonly DeliveryRow[] | null,
  lateness: EventExplanation['lateness'],
): string {
  const { source, event_type, entity_id, received_ms, event_ms } = row;
  const lag = received_ms - event_ms;
  const when = lag >= 0 ? `${durationText(lag)} after it happened` : `${durationText(-lag)} before its own event time`;
  const rank =
    lateness === null || lateness.of_events < 2
      ? ''
      : `, later than ${percent(lateness.later_than_share)} of its series that day`;
  const first = `${event_type} of ${entity_id} from ${source} was received ${when}${rank}.`;
  if (deliveries === null) return `${first} Repeats were not searched.`;
  const conflicts = deliveries.filter(({ outcome }) => outcome === 'CONFLICT').length;
  const repeats = deliveries.length - conflicts;
  const more = [
    repeats > 0 ? counted(repeats, 'repeat') : '',
    conflicts > 0 ? counted(conflicts, 'conflict') : '',
  ].filter(Boolean);
  const again = more.length === 0 ? 'It came once.' : `Then came ${more.join(' and ')}.`;
  return `${first} ${again}`;
}

function percent(share: number): string {
  return `${Math.floor(share * 1000) / 10} %`;
}

/** Findings for an event not received by the as-of time, with imports of its key and another payload that claim to be earlier. */
export function notYetReceived(row: EventRow, deliveries: readonly DeliveryRow[]): Finding[] {
  const text = 'The event was received after the as-of time.';
  const late = { code: 'NOT_YET_RECEIVED', text, evidence: [{ event_id: row.event_id }] };
  if (deliveries.length === 0) return [late];
  const evidence = deliveries.map(({ event_id, pack_id, line }) => ({ event_id, pack_id, line }));
  const claims = `${counted(deliveries.length, 'import')} of its key with another payload ${deliveries.length === 1 ? 'claims' : 'claim'} to have been received by then; the live receipt stays the event.`;
  return [late, { code: 'CONFLICT', text: claims, evidence }];
}
