import { expect, it } from 'vitest';

import { nearness } from './near.ts';

const of = 'packages/engine/src/reports/gaps/rules/cadence/clock.ts';

it.each([
  [of, 'packages/engine/src/reports/gaps/rules/cadence/clock.property.test.ts', 4],
  [of, 'packages/engine/test/reports/gaps/cadence.property.test.ts', 2],
  [of, 'packages/engine/test/reports/reports.test.ts', 1],
  [of, 'packages/engine/test/ingest/clock.test.ts', 1],
  [of, 'packages/engine/test/ingest/hook.test.ts', 0],
  ['packages/engine/src/backends/local/sqlite.ts', 'packages/engine/test/local/sqlite.test.ts', 2],
  ['/a/b/packages/engine/src/statistics/column.ts', 'packages/engine/src/statistics/histogram.test.ts', 1],
])('%s has its tests in its folder and under its name: %s', (file, test, shared) => {
  expect(nearness(file, test)).toBe(shared);
});
