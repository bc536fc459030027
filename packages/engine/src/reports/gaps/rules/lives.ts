import { at } from '@pik/schema';

import { type Steps, sortInPieces } from './cadence/steps.ts';
import type { Cell, SeriesCells } from './gap-cells.ts';

/** Fewer windows with deliveries than this, and than a tenth of the largest life, are outliers and no life. */
const OUTLIER_WINDOWS = 8;
const OUTLIER_SHARE = 0.1;

/** Windows with events of a series between which no silence is longer than the history that is read. */
export interface Life {
  readonly cells: readonly Cell[];
  readonly events: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** The lives of a series, in order of time. An event of 1970 is a life by itself and stretches no other. */
export function* livesOf({ cells }: SeriesCells, historyMs: number): Steps<Life[]> {
  const starts = new Float64Array(cells.size);
  let n = 0;
  for (const [start, { count }] of cells) if (count > 0) starts[n++] = start;
  const sorted = starts.subarray(0, n);
  yield* sortInPieces(sorted);
  const lives: Life[] = [];
  let life: Cell[] = [];
  for (const [i, start] of sorted.entries()) {
    if (i > 0 && start - (sorted[i - 1] ?? 0) > historyMs) {
      lives.push(lifeOf(life));
      life = [];
    }
    life.push(cells.get(start) as Cell);
    if (i % 8_192 === 0) yield;
  }
  if (life.length > 0) lives.push(lifeOf(life));
  return lives;
}

function lifeOf(cells: readonly Cell[]): Life {
  const [first, last] = [at(cells, 0), at(cells, cells.length - 1)];
  return {
    cells,
    events: cells.reduce((sum, { count }) => sum + count, 0),
    firstMs: first.firstMs,
    lastMs: last.lastMs,
  };
}

/** The largest life, of equal ones the last. */
export function mainLife(lives: readonly Life[]): Life | null {
  return lives.reduce<Life | null>(
    (main, life) => (life.cells.length >= (main?.cells.length ?? 0) ? life : main),
    null,
  );
}

/** Whether a life is so small compared with the largest one that it says nothing of when the series lives. */
export function isOutlier({ cells }: Life, main: Life): boolean {
  return cells.length < OUTLIER_WINDOWS && cells.length <= OUTLIER_SHARE * main.cells.length;
}
