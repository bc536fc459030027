import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { Layout } from './layout.ts';
import { SLOT_SCHEMES } from './slots.ts';

// Compares a layout with the naive one, which treats each window by itself.

const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 299 }), { maxLength: 4 });
const layouts = fc
  .record({
    cycle: fc.integer({ min: 1, max: 9 }),
    turns: cuts,
    phases: fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 5, maxLength: 5 }),
    blocks: cuts,
    windows: fc.integer({ min: 300, max: 320 }),
  })
  .map(({ cycle, turns, phases, blocks, windows }) => {
    const sorted = [0, ...turns.toSorted((a, b) => a - b)];
    const bounds = [0, ...blocks.toSorted((a, b) => a - b), windows];
    const turned = sorted.map((from, i) => ({ from, phase: phases[i] as number }));
    const cellOf = (window: number) => {
      const block = bounds.findLastIndex((bound) => bound <= window);
      const phase = turned.findLast(({ from }) => from <= window)?.phase ?? 0;
      return block * cycle + ((((window + phase) % cycle) + cycle) % cycle);
    };
    const layout = new Layout({ ...SLOT_SCHEMES.hour, cycle }, turned, bounds);
    return { layout, cellOf, windows, cells: cycle * (bounds.length - 1), blocks: bounds.length - 1 };
  });
const spans = fc.tuple(fc.integer({ min: 0, max: 320 }), fc.integer({ min: 0, max: 320 }));

it('each window has its cell, and a walk visits all windows of a span in order', () => {
  fc.assert(
    fc.property(layouts, spans, ({ layout, cellOf, windows, cells, blocks }, [a, b]) => {
      expect([layout.cells, layout.blocks]).toEqual([cells, blocks]);
      const [from, to] = [Math.min(a, b, windows - 1), Math.min(Math.max(a, b), windows)];
      const span = Array.from({ length: to - from }, (_, i) => from + i);
      expect(span.map((window) => layout.cellAt(window))).toEqual(span.map(cellOf));
      const met: [number, number][] = [];
      layout.walk(from, to, (window, cell) => met.push([window, cell]));
      expect(met).toEqual(span.map((window) => [window, cellOf(window)]));
    }),
    runs(100),
  );
});

it('a tally and a sum over a span are those of its windows', () => {
  fc.assert(
    fc.property(layouts, spans, fc.constantFrom(1, -1), ({ layout, cellOf, windows, cells }, [a, b], sign) => {
      const [from, to] = [Math.min(a, b, windows - 1), Math.min(Math.max(a, b), windows)];
      const tallied = new Float64Array(cells).fill(3);
      const plain = new Float64Array(cells).fill(3);
      for (let window = from; window < to; window++) plain[cellOf(window)] = (plain[cellOf(window)] as number) + sign;
      layout.tally(tallied, [from, to], sign);
      expect(tallied).toEqual(plain);

      const values = Float64Array.from({ length: cells }, (_, cell) => (cell * 7) % 11);
      const sums = layout.sums(values);
      let sum = 0;
      for (let window = 0; window < windows; window++) {
        if (window === from || window === to) expect(sums(window)).toBe(sum);
        sum += values[cellOf(window)] as number;
      }
      expect(sums(windows)).toBe(sum);
    }),
    runs(100),
  );
});
