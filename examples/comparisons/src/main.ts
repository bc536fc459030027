// Three public stories in miniature, and a release that breaks: each is found by `compare` alone, and its parts add up.
import assert from 'node:assert/strict';

import { investigate, partsOf, type Received, sumOf, timeOf } from './kit.ts';

const DAY_MINUTES = 1_440;

/**
 * Public Health England, October 2020: files of test results were cut off at the number of rows that their format can hold. 15,841
 * cases of eight days were missing, and then counted on the days on which they were published.
 */
async function missingCases(): Promise<void> {
  const missing = {
    '09-25': 957,
    '09-26': 744,
    '09-27': 757,
    '09-29': 1_415,
    '09-30': 3_049,
    '10-01': 4_133,
    '10-02': 4_786,
  };
  const usual = 600;
  const cases = (count: number, specimen: string, published: string): Received[] =>
    Array.from({ length: count }, (_, i) => ({
      source: 'test-results',
      event_type: 'case.reported',
      entity_id: `case-${specimen}-${published}-${i}`,
      event_time: timeOf(specimen, 600),
      received_at: timeOf(published, 700),
      payload: { specimen_date: specimen, region: `r${i % 9}` },
    }));
  const events = [
    ...cases(usual, '2020-10-01', '2020-10-02'),
    ...cases(usual, '2020-10-02', '2020-10-03'),
    ...Object.entries(missing).flatMap(([day, count]) => cases(count, `2020-${day}`, '2020-10-03')),
  ];
  await investigate(events, async (kit) => {
    const report = await kit.compare({
      start_time: '2020-10-03',
      end_time: '2020-10-04',
      b_from: '2020-10-02',
      b_to: '2020-10-03',
    });
    const parts = partsOf(report, 'payload.specimen_date');
    const backlog = Object.keys(missing).map((day) => parts.get(`payload.specimen_date == "2020-${day}"`) ?? 0);
    // 1 October loses the cases that the day before had as its usual ones; 2 October has them in addition.
    assert.equal(report.difference.delta, 15_841);
    assert.equal(sumOf(parts.values()), 15_841);
    assert.deepEqual(backlog, [957, 744, 757, 1_415, 3_049, 4_133 - usual, 4_786 + usual]);
    console.log(
      `missing cases: +${report.difference.delta} on the day, from ${parts.size} days: ${backlog.join(', ')}`,
    );
  });
}

/** Mixpanel, January 2012: every event was recorded four times for twenty minutes: 5 % more events, and not one user more. */
async function fourTimes(): Promise<void> {
  const day = (date: string, copiesOf: (minute: number) => number): Received[] =>
    Array.from({ length: DAY_MINUTES }, (_, minute) => {
      const isBusy = minute >= 900 && minute < 920;
      return Array.from({ length: isBusy ? 12 : 10 }, (_, i) =>
        Array.from({ length: copiesOf(minute) }, () => ({
          source: 'web',
          event_type: 'page.viewed',
          entity_id: `user-${(minute * 7 + i) % 3_000}`,
          event_time: timeOf(date, minute),
          received_at: timeOf(date, minute + 1),
          payload: { page: `/${i}`, n: i },
        })),
      );
    }).flat(2);
  const events = [
    ...day('2012-01-10', () => 1),
    ...day('2012-01-11', (minute) => (minute >= 900 && minute < 920 ? 4 : 1)),
  ];
  await investigate(events, async (kit) => {
    const today = { start_time: '2012-01-11T00:01:00Z', end_time: '2012-01-12T00:01:00Z' };
    const yesterday = { b_from: '2012-01-10T00:01:00Z', b_to: '2012-01-11T00:01:00Z' };
    const report = await kit.compare({ ...today, ...yesterday });
    const { a, b, delta } = report.difference;
    const parts = partsOf(report, 'outcome');
    // 20 minutes of 12 events, three times more each: 720 of 14,440.
    assert.deepEqual([a, b, delta], [15_160, 14_440, 720]);
    assert.deepEqual(Object.fromEntries(parts), { 'outcome == "DUPLICATE"': 720, 'outcome == "ACCEPTED"': 0 });
    assert.equal(report.findings[0]?.where, 'outcome == "DUPLICATE"');
    const users = async (start_time: string, end_time: string) =>
      (await kit.duplicates({ start_time, end_time, basis: 'received', include_imported: true })).total?.entities;
    const [before, after] = [
      await users(yesterday.b_from, yesterday.b_to),
      await users(today.start_time, today.end_time),
    ];
    assert.equal(before, after);
    console.log(
      `four times: ${b} -> ${a} events (+${((100 * 720) / 14_440).toFixed(1)} %), all repeats; ${after} users on both days`,
    );
  });
}

/** A counter that is raised at each change of state: an order counts when it is placed, and again when it is paid and shipped. */
async function everyState(): Promise<void> {
  const orders = (date: string, states: readonly string[]): Received[] =>
    Array.from({ length: 400 }, (_, i) =>
      states.map((state, k) => ({
        source: 'shop',
        event_type: 'order.counted',
        entity_id: `order-${date}-${i}`,
        event_time: timeOf(date, i + k),
        received_at: timeOf(date, i + k + 1),
        payload: { state, total: 100 + (i % 7) },
      })),
    ).flat();
  const events = [...orders('2026-03-01', ['placed']), ...orders('2026-03-02', ['placed', 'paid', 'shipped'])];
  await investigate(events, async (kit) => {
    const report = await kit.compare({
      start_time: '2026-03-02',
      b_to: '2026-03-02',
      measure: 'sum',
      of: 'payload.total',
    });
    const parts = partsOf(report, 'payload.state');
    const perState = report.difference.b ?? 0;
    assert.equal(report.difference.delta, 2 * perState);
    assert.deepEqual(Object.fromEntries(parts), {
      'payload.state == "paid"': perState,
      'payload.state == "shipped"': perState,
      'payload.state == "placed"': 0,
    });
    const named = report.findings.flatMap(({ where, implied }) => [where, ...implied.map((one) => one.where)]);
    assert.ok(named.includes('payload.state == "paid"') && named.includes('payload.state == "shipped"'));
    console.log(
      `every state: the sum is ${report.difference.a} instead of ${perState}, by paid and shipped, ${perState} each`,
    );
  });
}

/** Which release broke it? Payments fail in one release, and there only with one provider. */
async function brokenRelease(): Promise<void> {
  const events = Array.from({ length: 3_000 }, (_, i): Received => {
    const payload = {
      release: `2.${i % 3}.0`,
      provider: ['card', 'bank', 'wallet'][Math.floor(i / 3) % 3],
      region: `r${i % 7}`,
    };
    const isBroken = payload.release === '2.2.0' && payload.provider === 'wallet';
    const ok = isBroken ? i % 5 === 0 : i % 50 !== 0;
    const at = { event_time: timeOf('2026-03-01', i % 1_400), received_at: timeOf('2026-03-01', (i % 1_400) + 1) };
    return { source: 'payments', event_type: 'payment.ended', entity_id: `p-${i}`, ...at, payload: { ...payload, ok } };
  });
  await investigate(events, async (kit) => {
    const { findings } = await kit.compare({ a: 'payload.ok = false' });
    assert.deepEqual(
      findings.map(({ where }) => where),
      ['payload.release == "2.2.0" and payload.provider == "wallet"'],
    );
    const [first] = findings;
    console.log(`broken release: ${first?.where}, ${first?.a_count} failed and ${first?.b_count} did not`);
  });
}

await missingCases();
await fourTimes();
await everyState();
await brokenRelease();
