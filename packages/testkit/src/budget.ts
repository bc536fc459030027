import { relative } from 'node:path';
import fc, { type Parameters, type RunDetails } from 'fast-check';
import { expect } from 'vitest';

/**
 * The cost of one test run, chosen by `PIK_BUDGET`. Ten commits a day play as many histories as one full run, and other ones,
 * since each run has a fresh seed. `full` runs as many as a test requests.
 */
const BUDGETS = {
  commit: { runs: 1 / 10, kills: 1 / 25, points: 1 / 10 },
  full: { runs: 1, kills: 1, points: 1 },
  nightly: { runs: 20, kills: 1, points: 1 },
} as const;

const budget = BUDGETS[(process.env.PIK_BUDGET ?? 'commit') as keyof typeof BUDGETS];
if (budget === undefined) throw new Error(`PIK_BUDGET must be one of ${Object.keys(BUDGETS).join(', ')}`);

/** The seed of this run: `FC_SEED`, which vitest.base.ts draws and prints; without it, a random one. */
export const SEED = Number(process.env.FC_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** The number of repeats of a randomized test: `full` scaled by the budget, at least one. */
export function repeats(full: number): number {
  return Math.max(1, Math.ceil(full * budget.runs));
}

/** The number of kills of a process: `full` scaled by the budget, at least one. */
export function kills(full: number): number {
  return Math.max(1, Math.ceil(full * budget.kills));
}

/**
 * Those points of an exhaustive sweep that this run visits: all of them, or every tenth from one that the seed chooses, so
 * that ten runs with consecutive seeds visit all.
 */
export function points<T>(all: readonly T[]): T[] {
  const stride = Math.round(1 / budget.points);
  // A short sweep visits at least two points.
  const step = Math.max(1, Math.min(stride, Math.floor(all.length / 2)));
  return all.filter((_, at) => at % step === SEED % step);
}

/** Which call of `runs` within the running test comes next, counted from 1. */
const calls = { test: '', count: 0 };

/**
 * Parameters for `fc.assert`: as many random histories as the budget allows, from this run's seed. A failure begins with the
 * line that plays the same history again.
 *
 * @example
 * import { runs } from '@pik/testkit/budget';
 * import fc from 'fast-check';
 *
 * fc.assert(fc.property(fc.integer(), (n) => n + 0 === n), runs(300));
 */
export function runs<T>(full: number): Parameters<T> {
  const test = `${expect.getState().testPath} ${expect.getState().currentTestName}`;
  calls.count = calls.test === test ? calls.count + 1 : 1;
  calls.test = test;
  const nth = calls.count;
  const { FC_PATH, FC_NTH = '1' } = process.env;
  const path = FC_PATH !== undefined && Number(FC_NTH) === nth ? { path: FC_PATH } : {};
  return { seed: SEED, numRuns: repeats(full), ...path, reporter: (details) => report(details, nth) };
}

/**
 * Parameters for `fc.assert`: the same `numRuns` histories in every run and with every budget, before those of `runs`. For a
 * test that also asserts which cases its generator reaches, which must not depend on a random seed.
 */
export function fixedRuns<T>(numRuns: number): Parameters<T> {
  return { seed: 1, numRuns };
}

function report<T>(details: RunDetails<T>, nth: number): void {
  if (!details.failed) return;
  const text = fc.defaultReportMessage(details) ?? 'failed';
  throw new Error(`play it again: ${playAgain(details, nth)}\n${text}`, { cause: details.errorInstance });
}

/** A command for the shell. `-t` takes a regular expression, and quotes differ between shells: a dot stands for the rest. */
function playAgain<T>({ seed, counterexamplePath }: RunDetails<T>, nth: number): string {
  const { testPath = '', currentTestName = '' } = expect.getState();
  const path = counterexamplePath === null ? '' : ` FC_PATH=${counterexamplePath}`;
  const which = nth === 1 ? '' : ` FC_NTH=${nth}`;
  const name = currentTestName.replaceAll(' > ', '.+').replace(/[^\w .+,:;-]/g, '.');
  return `FC_SEED=${seed}${path}${which} npx vitest run ${relative(process.cwd(), testPath)} -t '${name}'`;
}
