import { DatabaseSync } from 'node:sqlite';

import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { packBytes, packText } from '../../src/backends/local/codec.ts';
import { NO_PACK } from '../../src/backends/local/pages.ts';
import { INDEX_TABLES } from '../../src/backends/local/schema.ts';
import { createSkippingWalk, type SliceKey } from '../../src/backends/local/skipped-slices.ts';

const packAt = (ms: number) => `00000000-${ms.toString(16).padStart(4, '0')}-7000-8000-000000000000`;

const slices = fc.uniqueArray(
  fc.record({
    day: fc.integer({ min: -2, max: 2 }),
    series: fc.integer({ min: 1, max: 4 }),
    ms: fc.integer({ min: 1, max: 40 }),
  }),
  {
    maxLength: 60,
    selector: ({ day, series, ms }) => `${day} ${series} ${ms}`,
  },
);
type Place = { day: number; series: number; ms: number };
const place: fc.Arbitrary<Place> = fc.record({
  day: fc.integer({ min: -3, max: 3 }),
  series: fc.integer({ min: 0, max: 5 }),
  ms: fc.integer({ min: 1, max: 40 }),
});
/** Disjoint spans, more than a walk looks between. */
const skips = fc.uniqueArray(fc.nat(42), { maxLength: 24 }).map((bounds) => {
  const sorted = bounds.sort((a, b) => a - b);
  return Array.from({ length: Math.floor(sorted.length / 2) }, (_, i) => ({
    fromMs: sorted[2 * i] ?? 0,
    toMs: sorted[2 * i + 1] ?? 0,
  }));
});

const compare = (a: Place, b: Place) => a.day - b.day || a.series - b.series || a.ms - b.ms;
const keyOf = ({ day, series, ms }: Place): SliceKey => ({
  event_day: day,
  series_no: series,
  pack_id: packBytes(packAt(ms)),
});
const textOf = ({ day, series, ms }: Place) => `${day} ${series} ${packAt(ms)}`;

function tableOf(all: readonly Place[]): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  db.exec(INDEX_TABLES);
  for (const series of [1, 2, 3, 4]) db.prepare('INSERT INTO series VALUES (?, ?, ?)').run(series, `s${series}`, 't');
  const insert =
    db.prepare(`INSERT INTO slice (event_day, series_no, pack_id, received_min_ms, received_max_ms, imported,
    accepted, duplicates, conflicts, lag, delay, entries) VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0, x'', x'', x'')`);
  for (const { day, series, ms } of all) insert.run(day, series, packBytes(packAt(ms)));
  return db;
}

it('a walk that skips spans has every slice outside of them once, in order, between two places, over any number of pages', () => {
  const wanted = fc.option(fc.subarray([1, 2, 3, 4]).map((list) => new Set(list)));
  fc.assert(
    fc.property(
      slices,
      place,
      place,
      skips,
      wanted,
      fc.integer({ min: 1, max: 9 }),
      (all, after, upTo, skip, seriesNos, visitsMax) => {
        const db = tableOf(all);
        const walk = createSkippingWalk(db, { columns: 'event_day, series_no, pack_id', seriesNos, visitsMax });
        const found: string[] = [];
        let from: SliceKey | null = keyOf(after);
        while (from !== null) {
          const page: Generator<SliceKey, SliceKey | null> = walk({ after: from, upTo: keyOf(upTo), toDay: 2 }, skip);
          let step = page.next();
          for (; step.done !== true; step = page.next()) {
            const { event_day, series_no, pack_id } = step.value;
            found.push(`${event_day} ${series_no} ${packText(pack_id)}`);
          }
          from = step.value;
          // Cursors hold pack ids, or the bound below all of them.
          if (from !== null) expect(packText(from.pack_id)).toBe(NO_PACK);
        }
        const between = all
          .filter((one) => one.day < 2 && compare(one, after) > 0 && compare(one, upTo) <= 0)
          .filter(({ series }) => seriesNos === null || seriesNos.has(series))
          .sort(compare);
        const isSkipped = ({ ms }: Place) => skip.some(({ fromMs, toMs }) => ms >= fromMs && ms < toMs);
        const texts = new Set(between.map(textOf));
        expect(found.every((text) => texts.has(text))).toBe(true);
        const listed = new Set(found);
        expect(found).toEqual(between.map(textOf).filter((text) => listed.has(text)));
        for (const one of between) if (!isSkipped(one)) expect(listed).toContain(textOf(one));
        // Up to seven spans are all left out.
        if (skip.length <= 7) expect(found).toEqual(between.filter((one) => !isSkipped(one)).map(textOf));
        db.close();
      },
    ),
    runs(400),
  );
});
