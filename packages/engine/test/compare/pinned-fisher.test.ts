import { it } from 'vitest';

import { chiSquare, fisherLogP } from '../../src/compare/rules/fisher.ts';
import { digits, pins } from '../support/pinned.ts';

// The probabilities of the exact test to nine digits, where groups are empty, equal, small, and beyond the table of factorials.

const expectPinned = pins('pinned-fisher.json');

const COUNTS = [0, 1, 2, 5, 40, 254, 255, 256, 1_000];

it.each([
  [1, 1],
  [5, 9],
  [40, 300],
  [300, 40],
  [256, 255],
  [1_000, 100_000],
  [0, 7],
  [7, 0],
])('of %i and %i', (aTotal, bTotal) => {
  const found = COUNTS.filter((count) => count <= aTotal).flatMap((aCount) =>
    COUNTS.filter((count) => count <= bTotal).map((bCount) => {
      const groups = { aCount, aTotal, bCount, bTotal };
      return `${aCount} ${bCount}: ${digits(fisherLogP(groups))} ${digits(chiSquare(groups))}`;
    }),
  );
  expectPinned(`${aTotal} and ${bTotal}`, found);
});
