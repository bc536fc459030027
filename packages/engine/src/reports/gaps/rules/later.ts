import type { Cell, SeriesCells } from './gap-cells.ts';

/** The place of the first of ascending values that is at least `window`. */
export function placeOf(at: Float64Array, window: number): number {
  let low = 0;
  let high = at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((at[middle] ?? 0) < window) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Events that came later, between two times; only windows that have some are looked at. */
export function laterIn({ cells }: SeriesCells): (fromMs: number, toMs: number) => number {
  const late: Cell[] = [];
  for (const cell of cells.values()) if (cell.later > 0) late.push(cell);
  late.sort((a, b) => a.start_ms - b.start_ms);
  const starts = Float64Array.from(late, ({ start_ms }) => start_ms);
  const before = new Float64Array(late.length + 1);
  for (const [i, { later }] of late.entries()) before[i + 1] = (before[i] ?? 0) + later;
  const sumTo = (ms: number) => before[placeOf(starts, ms)] ?? 0;
  return (fromMs, toMs) => sumTo(toMs) - sumTo(fromMs);
}
