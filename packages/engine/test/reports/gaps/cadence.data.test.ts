import { type Instant, type Judging, judgeInstants, windowsOf } from '@pik/testkit/fixtures/engine/judging';
import { hasRealEvents, readLines } from '@pik/testkit/fixtures/engine/real-events';
import { type Random, seeded } from '@pik/testkit/fixtures/seeded';
import { describe, expect, it } from 'vitest';

// Public series with known answers: unchanged, thinned, cut into weekdays, in bursts, and with added outages.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The empty windows between the first and the last event, those that are named, and other named windows. */
function judged(instants: readonly Instant[], judging: Judging = {}) {
  const grain = judging.grain ?? 'hour';
  const length = grain === 'day' ? DAY : HOUR;
  const { gaps, view } = judgeInstants(instants, judging);
  const full = new Set(instants.map(({ ms }) => Math.floor(ms / length)));
  const [first, last] = [Math.min(...full), Math.max(...full)];
  const named = windowsOf(gaps, grain, 0);
  const empty = Array.from({ length: last - first }, (_, i) => first + i).filter((n) => !full.has(n));
  return {
    view,
    named,
    empty: empty.length,
    found: empty.filter((n) => named.has(n)).length,
    wrong: [...named].filter((n) => full.has(n)).length,
  };
}

describe.skipIf(!hasRealEvents)('public series', () => {
  const polls = () =>
    readLines('usgs/polls.csv.gz')
      .slice(1)
      .map((line) => ({ ms: Date.parse(line.split(',')[2] as string) }));
  const hourOf = ({ ms }: Instant) => Math.floor(ms / HOUR);

  /** Leaves out hours at a rate, and twenty runs of six hours. */
  function thinned(all: readonly Instant[], rate: number, random: Random): Instant[] {
    const [first, last] = [hourOf(all[0] as Instant), hourOf(all.at(-1) as Instant)];
    const gone = new Set<number>();
    for (let hour = first + 1; hour < last; hour++) if (random() < rate) gone.add(hour);
    for (let n = 0; n < 20; n++) {
      const start = first + 200 + Math.floor(random() * (last - first - 400));
      for (let h = 0; h < 6; h++) gone.add(start + h);
    }
    return all.filter((one) => !gone.has(hourOf(one)));
  }

  it.each([0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2])(
    'polls without %f of their hours: exactly the missing hours are named, at any rate',
    (rate) => {
      const left = thinned(polls(), rate, seeded(5 + rate * 1_000));
      const found = judged(left);
      expect(found.view.model).toBe('CLOCK');
      expect([found.found, found.wrong]).toEqual([found.empty, 0]);
      expect(found.empty).toBeGreaterThan(130);
    },
  );

  it('polls with bursts in one hour of twenty are still a clock', () => {
    const random = seeded(17);
    const bursts = thinned(polls(), 0.05, random).flatMap((one) => {
      const more = random() < 0.05 ? Math.floor(random() * 30) : 0;
      const again = Array.from({ length: more }, (_, i) => ({ ms: one.ms + (i + 1) * 60_000 }));
      return [one, ...again.filter((next) => hourOf(next) === hourOf(one))];
    });
    const { view, found, empty, wrong } = judged(bursts);
    expect([view.model, wrong]).toEqual(['CLOCK', 0]);
    expect(found).toBeGreaterThanOrEqual(0.95 * empty);
  });

  describe('days on which New York published', () => {
    const published = () => {
      const seen = new Set<number>();
      for (const line of readLines('nyc/metric_changes_2020-12-09_2021-06-30.ndjson.gz'))
        seen.add(Date.parse((JSON.parse(line) as { received_at: string }).received_at));
      // By New York time: no delivery lies near the start or end of a day.
      return [...seen].sort((a, b) => a - b).map((ms) => ({ ms: ms - 5 * HOUR }));
    };
    const dayOf = ({ ms }: Instant) => Math.floor(ms / DAY);
    const weekday = (day: number) => (((day - 4) % 7) + 7) % 7;

    it.each([0, 0.05, 0.1])('without %f of them and five in a row: exactly the missing days are named', (rate) => {
      const all = published();
      const first = dayOf(all[0] as Instant);
      const random = seeded(11 + rate * 100);
      const left = all.filter((one) => {
        const day = dayOf(one) - first;
        return !(day >= 140 && day < 145);
      });
      const gone = new Set(Array.from({ length: 260 }, (_, i) => first + i).filter(() => random() < rate));
      const found = judged(
        left.filter((one) => !gone.has(dayOf(one))),
        { grain: 'day' },
      );
      expect([found.found, found.wrong]).toEqual([found.empty, 0]);
      expect(found.empty).toBeGreaterThanOrEqual(8);
    });

    it('only on weekdays: an outage from a Monday on is named, of one day or five, and no weekend is', () => {
      const all = published().filter((one) => weekday(dayOf(one)) < 5);
      const first = dayOf(all[0] as Instant);
      for (const week of [8, 12, 16]) {
        const monday = 4 + 7 * (Math.ceil((first - 4) / 7) + week);
        for (const days of [1, 3, 5]) {
          const out = (day: number) => day >= monday && day < monday + days;
          const { named } = judged(
            all.filter((one) => !out(dayOf(one))),
            { grain: 'day' },
          );
          for (let day = monday; day < monday + days; day++) expect(named.has(day)).toBe(true);
          expect([...named].filter((day) => weekday(day) >= 5)).toEqual([]);
        }
      }
    });
  });

  it('earthquake networks: no quiet time of the eighteen counts as an outage or as a skip of a clock', () => {
    const bySource = new Map<string, Instant[]>();
    for (const line of readLines('usgs/changes_2021-11-12_2023-06-30.ndjson.gz')) {
      const { source, received_at } = JSON.parse(line) as { source: string; received_at: string };
      const one = bySource.get(source) ?? [];
      one.push({ ms: Date.parse(received_at) });
      bySource.set(source, one);
    }
    expect(bySource.size).toBe(18);
    const named = [...bySource].flatMap(([source, instants]) => {
      const { gaps, view } = judgeInstants(instants, { others: bySource.size - 1 });
      // Every series has a model and a text, also if no gap is named.
      expect([source, view.text.length > 0, view.model]).toEqual([source, true, expect.any(String)]);
      return gaps.map(({ start_ms, kind }) => `${source} ${kind} ${new Date(start_ms).toISOString()}`);
    });
    expect(named).toEqual([]);
  });
});
