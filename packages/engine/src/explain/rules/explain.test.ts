import { flagBit } from '@pik/schema';
import { makeEventRow, makeFailureRow } from '@pik/testkit';
import { describe, expect, it } from 'vitest';

import type { DeliveryRow } from '../../ports/rows.ts';
import { addTo, createHistogram } from '../../statistics/histogram.ts';
import { deliveryView, eventView, rejectView } from '../../storage/rules/event-view.ts';
import { explainFound, explainMissing, type FoundEvent, notYetReceived } from './explain.ts';

// The story of an event, word by word.

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';
const EVENT_MS = Date.UTC(2026, 0, 5, 12);
const ROW = makeEventRow(PACK, { event_ms: EVENT_MS, received_ms: EVENT_MS + 90_000, line: 3 });

const delivery = (rest: Partial<DeliveryRow> = {}): DeliveryRow =>
  ({
    ...makeEventRow(PACK, { event_ms: EVENT_MS + 1, event_sub_ns: 5, received_ms: EVENT_MS + 100_000, line: 4 }),
    outcome: 'DUPLICATE',
    ...rest,
  }) as unknown as DeliveryRow;

const lags = (...values: number[]) => {
  const histogram = createHistogram();
  for (const value of values) addTo(histogram, value);
  return histogram;
};

const explain = (rest: Partial<FoundEvent> = {}) =>
  explainFound({
    row: ROW,
    asOfMs: EVENT_MS + 1_000_000,
    deliveries: [],
    deliveriesCut: false,
    bytes: null,
    seriesLags: createHistogram(),
    findings: [],
    versions: [],
    replays: [],
    ...rest,
  });

describe('an event that is there', () => {
  it('is shows everything that was found', () => {
    const bytes = { state: 'OK', text: 'they are there' } as const;
    const findings = [{ code: 'SLOW', text: 'slow', evidence: [] }] as never;
    const told = explain({ deliveries: [delivery()], deliveriesCut: true, bytes, findings });
    expect(told).toEqual({
      found: true,
      summary: 'type of entity from source was received 1 min 30 s after it happened. Then came 1 repeat.',
      as_of: '2026-01-05T12:16:40.000000000Z',
      event: eventView(ROW),
      outcome: 'ACCEPTED',
      rule: 'new by its content: no earlier receipt had the same source, type, entity, time and payload (inferred)',
      lateness: null,
      deliveries: [deliveryView(delivery(), ROW)],
      deliveries_cut: true,
      bytes,
      versions: [],
      replays: [],
      findings,
    });
    expect(told.findings).not.toBe(findings);
  });

  it.each([
    ['key', 'new by its idempotency key: no earlier receipt of this source, type and entity had the same key'],
    ['occurrence', "new by its producer's sequence number: each emit is an event of its own"],
  ] as const)('says by what it was new: %s', (rule, text) => {
    expect(explain({ row: makeEventRow(PACK, { rule }) }).rule).toBe(text);
  });

  it('says how late it was among those of its series that day', () => {
    const lag = 90_000;
    const { lateness, summary } = explain({ seriesLags: lags(1_000, 2_000, 3_000, lag) });
    expect(lateness).toEqual({ lag_ms: lag, later_than_share: 0.75, of_events: 4 });
    expect(summary).toContain('after it happened, later than 75 % of its series that day. It came once.');
    expect(explain({ seriesLags: lags(1_000, 2_000, lag) }).summary).toContain('later than 66.6 % of its series');
    expect(explain({ seriesLags: lags(1_000, lag) }).summary).toContain('later than 50 % of its series');
    // By itself it is later than none.
    expect(explain({ seriesLags: lags(lag) })).toMatchObject({
      lateness: { lag_ms: lag, later_than_share: 0, of_events: 1 },
      summary: 'type of entity from source was received 1 min 30 s after it happened. It came once.',
    });
  });

  it('may have come before its own time', () => {
    const at = (received_ms: number) => explain({ row: { ...ROW, received_ms } }).summary;
    expect(at(EVENT_MS)).toContain('was received 0 ms after it happened.');
    expect(at(EVENT_MS - 2_000)).toContain('was received 2 s before its own event time.');
  });

  it('says what came after it', () => {
    const conflict = delivery({ outcome: 'CONFLICT' });
    const after = (...deliveries: DeliveryRow[]) => explain({ deliveries }).summary.split('. ')[1];
    expect(after()).toBe('It came once.');
    expect(after(delivery(), delivery())).toBe('Then came 2 repeats.');
    expect(after(conflict)).toBe('Then came 1 conflict.');
    expect(after(delivery(), conflict, conflict)).toBe('Then came 1 repeat and 2 conflicts.');
    const unsearched = explain({ deliveries: null });
    expect([unsearched.summary.split('. ')[1], unsearched.deliveries]).toEqual(['Repeats were not searched.', []]);
  });
});

describe('an event that is not there', () => {
  it('is has the first finding as its summary, and lists all of them', () => {
    const findings = [
      { code: 'A', text: 'first', evidence: [] },
      { code: 'B', text: 'second', evidence: [] },
    ] as never;
    expect(explainMissing(EVENT_MS, findings)).toEqual({
      found: false,
      summary: 'first',
      as_of: '2026-01-05T12:00:00.000000000Z',
      event: null,
      outcome: null,
      rule: null,
      lateness: null,
      deliveries: [],
      deliveries_cut: false,
      bytes: null,
      versions: [],
      replays: [],
      findings,
    });
    expect(explainMissing(EVENT_MS, []).summary).toBe('The kit does not know this event.');
  });

  it('may not have come by then, whatever imports claim', () => {
    const late = {
      code: 'NOT_YET_RECEIVED',
      text: 'The event was received after the as-of time.',
      evidence: [{ event_id: ROW.event_id }],
    };
    const { event_id, pack_id, line } = delivery();
    expect(notYetReceived(ROW, [])).toEqual([late]);
    expect(notYetReceived(ROW, [delivery()])).toEqual([
      late,
      {
        code: 'CONFLICT',
        text: '1 import of its key with another payload claims to have been received by then; the live receipt stays the event.',
        evidence: [{ event_id, pack_id, line }],
      },
    ]);
    expect(notYetReceived(ROW, [delivery(), delivery()])[1]?.text).toMatch(/^2 imports of its key .* claim to have/);
  });
});

describe('a row as investigators see it', () => {
  const raw_key = expect.stringContaining(PACK);

  it('of an event', () => {
    const flags = flagBit('UNKNOWN_FIELD');
    expect(eventView({ ...ROW, sent_ms: EVENT_MS + 5, flags, producer_seq: 7 })).toEqual({
      event_id: ROW.event_id,
      source: 'source',
      event_type: 'type',
      entity_id: 'entity',
      event_time: '2026-01-05T12:00:00.000000000Z',
      received_at: '2026-01-05T12:01:30.000000000Z',
      lag_ms: 90_000,
      payload_hash: ROW.payload_hash,
      identity: 'content',
      idempotency_key: null,
      producer: { id: ROW.producer_id, seq: 7 },
      sent_at: '2026-01-05T12:00:00.005000000Z',
      flags: ['UNKNOWN_FIELD'],
      pack_id: PACK,
      line: 3,
      raw_key,
    });
    expect(eventView({ ...ROW, producer_id: null, sent_ms: null })).toMatchObject({ producer: null, sent_at: null });
    expect(eventView({ ...ROW, producer_seq: null }).producer?.seq).toBe(0);
  });

  it('of a further receipt', () => {
    expect(deliveryView(delivery(), ROW)).toEqual({
      outcome: 'DUPLICATE',
      received_at: '2026-01-05T12:01:40.000000000Z',
      after_first_ms: 10_000,
      event_time: '2026-01-05T12:00:00.001000005Z',
      lag_ms: 99_999,
      payload_hash: delivery().payload_hash,
      flags: [],
      pack_id: PACK,
      line: 4,
      raw_key,
    });
  });

  it('of a failure, with the window of one that could not be computed', () => {
    const window = { metric: 'm', key: 'k', window_start_ms: EVENT_MS };
    const row = makeFailureRow(PACK);
    const { kind, code, path, detail, source, event_type, event_id, line } = row;
    const view = { kind, code, path, detail, source, event_type, event_id, line, pack_id: PACK, raw_key };
    expect(rejectView(row)).toMatchObject({ ...view, window: null });
    expect(rejectView({ ...row, window } as never).window).toEqual({
      metric: 'm',
      key: 'k',
      window_start: '2026-01-05T12:00:00.000000000Z',
    });
  });
});
