import { vi } from 'vitest';

import { isSuite, SKIPPED, type Suite, type Test } from './vitest.ts';

// Runs kept tests with the hooks around them.

const { setTimeout, clearTimeout } = globalThis;

/** A test or hook that took too long. It may still be running. */
export class TookTooLong extends Error {}

const HOOK_MS = 60_000;

/** The settings and callbacks of a test run. */
export interface Run {
  readonly isWanted: (id: string) => boolean;
  readonly timeLimit: (id: string) => number;
  /** Called when a test or a suite's hooks begin; null at their end. */
  readonly onBegin: (id: string | null) => void;
  /** Called after each test; `failure` is undefined if it passed. Return false to end the run. */
  readonly onEnd: (test: Test, failure: unknown, ms: number) => boolean;
}

/** All tests of a suite and of the suites in it. */
export const testsOf = (suite: Suite): Test[] =>
  suite.parts.flatMap((part) => (isSuite(part) ? testsOf(part) : [part]));

/** The id that stands for the hooks around all tests of a suite. */
export const aroundId = ({ id }: Suite) => `around ${id}`;

/** Runs the wanted tests of a suite. Returns false if the run must end. */
export async function runSuite(suite: Suite, run: Run, above: readonly Suite[] = []): Promise<boolean> {
  const first = testsOf(suite).find(({ id }) => run.isWanted(id));
  if (first === undefined) return true;
  const path = [...above, suite];
  const before = await failureOf(() => runHooks(suite.hooks.beforeAll, run, aroundId(suite)));
  if (before !== undefined) return run.onEnd(first, before, 0);
  let goesOn = true;
  for (const part of suite.parts) {
    if (isSuite(part)) goesOn = await runSuite(part, run, path);
    else if (run.isWanted(part.id)) goesOn = await runTest(part, run, path);
    if (!goesOn) break;
  }
  const after = await failureOf(() => runHooks(suite.hooks.afterAll.toReversed(), run, aroundId(suite)));
  return goesOn && after !== undefined ? run.onEnd(first, after, 0) : goesOn;
}

async function runTest(test: Test, run: Run, path: readonly Suite[]): Promise<boolean> {
  const began = performance.now();
  const ends: (() => unknown)[] = [];
  const before = path.flatMap(({ hooks }) => hooks.beforeEach);
  const after = path.toReversed().flatMap(({ hooks }) => hooks.afterEach.toReversed());
  let failure = await failureOf(async () => {
    await runHooks(before, run, test.id);
    run.onBegin(test.id);
    await within(run.timeLimit(test.id), () => test.run(ends));
  });
  if (failure === SKIPPED) failure = undefined;
  failure ??= await failureOf(() => runHooks([...ends.toReversed(), ...after], run, test.id));
  vi.useRealTimers();
  vi.restoreAllMocks();
  return run.onEnd(test, failure, performance.now() - began);
}

async function runHooks(hooks: readonly (() => unknown)[], run: Run, id: string): Promise<void> {
  run.onBegin(id);
  for (const hook of hooks) await within(HOOK_MS, hook);
  run.onBegin(null);
}

/** Returns the error that a piece of work throws, or undefined. */
async function failureOf(work: () => Promise<void>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error ?? new Error('null or undefined was thrown');
  }
}

async function within(ms: number, work: () => unknown): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TookTooLong(`longer than ${ms} ms`)), ms);
  });
  try {
    await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the tests of a suite share a setup, and so must run together. */
export const isOneUnit = ({ hooks }: Suite) => hooks.beforeAll.length + hooks.afterAll.length > 0;
