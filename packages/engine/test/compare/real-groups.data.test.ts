import { repeats, SEED } from '@pik/testkit/budget';
import { hasRealEvents, readLines } from '@pik/testkit/fixtures/engine/real-events';
import { seeded } from '@pik/testkit/fixtures/seeded';
import { describe, expect, it } from 'vitest';

import { conditionsOf } from '../../src/compare/rules/finding-view.ts';
import { conditionsText } from '../../src/compare/rules/path-text.ts';
import type { ReceiptFacts } from '../../src/search/rules/receipt-facts.ts';
import { differencesOf, drawn, receiptOf } from './groups.ts';

interface RealLine {
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  readonly received_at: string;
  readonly payload: object;
}

/** One receipt of each `step` of a file. */
function receiptsIn(file: string, step: number): { line: RealLine; facts: ReceiptFacts }[] {
  const texts = readLines(file).filter((_, i) => i % step === 0);
  return texts.map((text) => {
    const line = JSON.parse(text) as RealLine;
    const { source, event_type, entity_id, event_time, received_at } = line;
    return { line, facts: receiptOf(line.payload, { source, event_type, entity_id, event_time, received_at }) };
  });
}

const CHANGES = 'usgs/changes_2021-11-12_2023-06-30.ndjson.gz';
const METRICS = 'nyc/metric_changes_2020-12-09_2021-06-30.ndjson.gz';

describe.skipIf(!hasRealEvents)('a comparison of real receipts', () => {
  it.each([CHANGES, METRICS])('names something for at most one pair in a hundred, drawn from %s', async (file) => {
    const random = seeded(SEED);
    const all = receiptsIn(file, 10).map(({ facts }) => facts);
    const pairs = repeats(320);
    let alarms = 0;
    for (let pair = 0; pair < pairs; pair++) {
      const { explanations } = await differencesOf(drawn(all, [300, 300], random), { depth: 2, support: 0.05 });
      if (explanations.length > 0) alarms += 1;
    }
    expect(alarms).toBeLessThanOrEqual(pairs / 100 + 5 * Math.sqrt(pairs / 100));
  });

  it('names what the earthquakes that came late share', async () => {
    const reports = receiptsIn(CHANGES, 2).filter(({ line }) => line.event_type === 'quake.reported');
    const lateMs = 6 * 3_600_000;
    const isLate = ({ line }: { line: RealLine }) =>
      Date.parse(line.received_at) - Date.parse(line.event_time) > lateMs;
    const groups = [reports.filter(isLate), reports.filter((one) => !isLate(one))] as const;
    expect(groups[0].length).toBeGreaterThan(900);
    const [late, others] = [groups[0].map(({ facts }) => facts), groups[1].map(({ facts }) => facts)];
    const { explanations, sets } = await differencesOf([late, others], { depth: 2, support: 0.02 });
    const named = explanations.map(({ pattern }) => conditionsText(conditionsOf(pattern, sets)));
    expect(named.length).toBeGreaterThan(1);
    // Counted by hand from the same lines: the first one holds for far more of the late reports than of the others.
    const [first] = explanations;
    expect((first?.pattern.counts[0] ?? 0) / late.length).toBeGreaterThan(
      2 * ((first?.pattern.counts[1] ?? 0) / others.length),
    );
    expect(named.join()).toMatch(/source == "usgs:|payload\.mag/);
  });
});
