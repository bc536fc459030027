// Writes how long each test file took in the last `npm run verify` to durations.json, by which test files are started. Only
// the order of the files depends on it, so the figures of any machine serve.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const SECONDS_MIN = 1;
const root = join(import.meta.dirname, '../..');
const { testResults } = JSON.parse(readFileSync(process.argv[2] ?? join(root, '.ci/report.json'), 'utf8'));
const durations = testResults
  .map(({ name, startTime, endTime }) => [relative(root, name), Math.round((endTime - startTime) / 1000)])
  .filter(([, seconds]) => seconds >= SECONDS_MIN)
  .sort(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? -1 : 1));
writeFileSync(
  join(import.meta.dirname, 'durations.json'),
  `${JSON.stringify(Object.fromEntries(durations), null, 2)}\n`,
);
