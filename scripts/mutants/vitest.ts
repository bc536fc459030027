// Replaces vitest in test files while mutants are tried: the same names, but tests are stored instead of run at once.
import * as vitest from 'vitest';

export * from 'vitest';

type Work = () => unknown;
type Body = (...given: unknown[]) => unknown;

/** A declared test. */
export interface Test {
  readonly id: string;
  /** Runs it; adds its cleanup to `ends`. */
  readonly run: (ends: Work[]) => unknown;
}

/** A block of tests, with the hooks around them. */
export interface Suite {
  readonly id: string;
  readonly parts: (Suite | Test)[];
  readonly hooks: Readonly<Record<'beforeAll' | 'afterAll' | 'beforeEach' | 'afterEach', Work[]>>;
}

const emptySuite = (id: string): Suite => ({
  id,
  parts: [],
  hooks: { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] },
});

// Some mutants reload all modules, including this one.
const shared = globalThis as unknown as { mutantsState: { suite: Suite; ends: Work[] } };
shared.mutantsState ??= { suite: emptySuite(''), ends: [] };
const state = shared.mutantsState;

/** Returns the tests declared since the last call, in a suite of this name; each has a unique id. */
export function takeSuite(name: string): Suite {
  const { suite } = state;
  state.suite = emptySuite('');
  return named(suite, name);
}

function named(suite: Suite, id: string): Suite {
  const times = new Map<string, number>();
  const parts = suite.parts.map((part) => {
    const time = (times.get(part.id) ?? 0) + 1;
    times.set(part.id, time);
    const own = `${id} > ${part.id}${time === 1 ? '' : ` (${time})`}`;
    return isSuite(part) ? named(part, own) : { ...part, id: own };
  });
  return { ...suite, id, parts };
}

/** Whether a part of a suite is a suite itself. */
export const isSuite = (part: Suite | Test): part is Suite => 'parts' in part;

/** Thrown by `skip` to end a test. */
export const SKIPPED = Symbol.for('a test that skipped itself');

function addTest(id: string, body: Body, given: readonly unknown[]): void {
  const run = (ends: Work[]) => {
    state.ends = ends;
    if (given.length > 0) return body(...given);
    const skip = () => {
      throw SKIPPED;
    };
    return body({ expect: vitest.expect, skip, onTestFinished });
  };
  state.suite.parts.push({ id, run });
}

function addSuite(id: string, body: Body, given: readonly unknown[]): void {
  const above = state.suite;
  state.suite = emptySuite(id);
  above.parts.push(state.suite);
  body(...given);
  state.suite = above;
}

type Add = typeof addTest;
type Declare = (title: unknown, ...rest: unknown[]) => void;

/** `describe` or `it`, with the modifiers that tests use. */
function declare(add: Add): Declare {
  const titled = (given: readonly unknown[], [title, ...rest]: readonly unknown[], suffix: string) =>
    add(
      `${typeof title === 'function' ? title.name : title}${suffix}`,
      rest.find((part): part is Body => typeof part === 'function') as Body,
      given,
    );
  const each =
    (rows: readonly unknown[]): Declare =>
    (...declared) => {
      for (const [i, row] of rows.entries()) titled(Array.isArray(row) ? row : [row], declared, ` [${i}]`);
    };
  const without: Declare = () => {};
  const runIf = (condition: unknown) => (condition ? declare(add) : Object.assign(without, { each: () => without }));
  const skipIf = (condition: unknown) => runIf(!condition);
  return Object.assign((...declared: Parameters<Declare>) => titled([], declared, ''), {
    each,
    for: each,
    runIf,
    skipIf,
  });
}

export const describe = declare(addSuite) as typeof vitest.describe;
export const it = declare(addTest) as typeof vitest.it;
export const test = it;
export const beforeAll = (hook: Work) => state.suite.hooks.beforeAll.push(hook);
export const afterAll = (hook: Work) => state.suite.hooks.afterAll.push(hook);
export const beforeEach = (hook: Work) => state.suite.hooks.beforeEach.push(hook);
export const afterEach = (hook: Work) => state.suite.hooks.afterEach.push(hook);
export const onTestFinished = (hook: Work) => state.ends.push(hook);
