import { expect, it } from 'vitest';

import { type PlantedRow, plantedLine, plantedText } from './planted-report.ts';

const row = (name: string, rest: Pick<PlantedRow, 'found' | 'cpuSeconds'> & Partial<PlantedRow>): PlantedRow => ({
  ...{ name, promise: 'G1', oracle: 'kept', histories: 7 },
  ...rest,
});
const ROWS = [
  row('one', { found: true, cpuSeconds: 4 }),
  row('two', { found: true, cpuSeconds: 6 }),
  row('three', { found: true, cpuSeconds: 8 }),
  row('four', { found: false, oracle: null, cpuSeconds: 30 }),
  row('five', { found: true, oracle: null, histories: 0, cpuSeconds: null, error: 'it ended with 1' }),
];

it('a planted fault after which the process ended has no time, and its error is shown', () => {
  expect(ROWS.map(plantedLine)).toEqual([
    'G1   one: found by "kept" in 4.0 s of processor, 7 histories',
    'G1   two: found by "kept" in 6.0 s of processor, 7 histories',
    'G1   three: found by "kept" in 8.0 s of processor, 7 histories',
    'G1   four: NOT FOUND in 30.0 s of processor, 7 histories',
    'G1   five: found by the process itself: it ended with 1',
  ]);
  expect(plantedText(ROWS)).toBe(
    '4 of 5 planted faults found, 1 by the process itself; median 6.0 s, worst 8.0 s, 48 s of processor in all',
  );
});
