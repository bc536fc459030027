import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { laterIn, placeOf } from '../later.ts';
import { silencesOf } from './counts.ts';
import { SLOT_SCHEMES } from './slots.ts';

const ats = fc
  .uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 30 })
  .map((at) => [0, ...at.toSorted((a, b) => a - b)]);

it('silences are the runs of empty windows, each with the deliveries before it; the last may be open', () => {
  fc.assert(
    fc.property(ats, fc.integer({ min: 1, max: 5 }), (at, more) => {
      const windows = (at.at(-1) as number) + more;
      const runs: [from: number, to: number, after: number][] = [];
      for (let window = 0; window < windows; window++) {
        if (at.includes(window)) continue;
        const open = runs.at(-1);
        if (open?.[1] === window) open[1] += 1;
        else runs.push([window, window + 1, at.indexOf(window - 1)]);
      }
      const rest = { deliveries: new Float64Array(), rows: new Float64Array(), places: null, turns: [] };
      const { from, to, after, count, isOpen } = silencesOf({
        ...rest,
        windows,
        at: Float64Array.from(at),
        scheme: SLOT_SCHEMES.hour,
      });
      expect([...from].map((start, j) => [start, to[j], after[j]])).toEqual(runs);
      expect([count, isOpen]).toEqual([runs.length, more > 1]);
    }),
    runs(100),
  );
});

it('the place of a window is that of the first value at or after it', () => {
  fc.assert(
    fc.property(ats, fc.integer({ min: -1, max: 62 }), (at, window) => {
      const place = at.findIndex((one) => one >= window);
      expect(placeOf(Float64Array.from(at), window)).toBe(place < 0 ? at.length : place);
    }),
    runs(100),
  );
});

it('counts the later arrivals between two times by the windows that start in between', () => {
  const cell = fc.record({ start_ms: fc.integer({ min: 0, max: 50 }), later: fc.integer({ min: 0, max: 3 }) });
  const cells = fc.uniqueArray(cell, { selector: ({ start_ms }) => start_ms, maxLength: 20 });
  fc.assert(
    fc.property(cells, fc.nat(55), fc.nat(55), (all, a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const series = { cells: new Map(all.map((one) => [one.start_ms, one])) } as never;
      const inRange = all.filter(({ start_ms }) => start_ms >= from && start_ms < to);
      expect(laterIn(series)(from, to)).toBe(inRange.reduce((sum, { later }) => sum + later, 0));
    }),
    runs(100),
  );
});
