import { resolve } from 'node:path';
import { env } from 'node:process';
import { BroadcastChannel } from 'node:worker_threads';
import { inject, test, vi } from 'vitest';

import type { Answer, Asked, DryRun, KnownTests } from './messages.ts';
import { nearness } from './near.ts';
import { aroundId, isOneUnit, runSuite, TookTooLong, testsOf } from './run-tests.ts';
import { isSuite, type Suite, type Test, takeSuite } from './vitest.ts';

// Keeps the test files loaded and runs their tests against one mutant after another. It is the only "test" that vitest runs.

const BUDGET_MS = Number(env.MUTATE_BUDGET_MS ?? 15_000);
/** A test may take `SLOWER_MAX` times as long as without a mutant, and at least `LIMIT_MS`. */
const SLOWER_MAX = 20;
const LIMIT_MS = 10_000;
const FIRST_RUN_LIMIT_MS = 120_000;
/** A mutant reached more often than this counts as endless; properties have few runs, so this is a high limit. */
const HITS_MIN = 100_000;
/** Priority of a test that already killed a mutant of the same file. */
const KILLER_WEIGHT = 20;
/** Priority of a test for each folder that it shares with the mutant's file, and for its name. */
const NEAR_FACTOR = 6;
/** Tests that take longer are timed again without counting which mutants they reach, which slows them down. */
const TIMED_AGAIN_MS = 2_000;

/** The state that Stryker's instrumented code reads and writes. */
interface Instrumented {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  /** Set by this worker: coverage is known from the first run and not counted again. */
  isCounted?: boolean;
  mutantCoverage?: DryRun['mutantCoverage'];
}
const shared = globalThis as unknown as { __stryker__: Instrumented };
shared.__stryker__ ??= {};
const stryker = shared.__stryker__;

let suites: Suite[] = [];
/** The first run of each test, which bounds the later ones, and its quickest, by which its cost is estimated. */
const tookMs = new Map<string, number>();
const leastMs = new Map<string, number>();
const kills = new Map<string, number>();

async function loadSuites(): Promise<Suite[]> {
  const loaded: Suite[] = [];
  for (const file of inject('testFiles')) {
    await import(/* @vite-ignore */ resolve(file));
    loaded.push(takeSuite(file));
  }
  return loaded;
}

/** Runs all tests once; returns the time of each, the mutants it reaches, and the failing tests, which are left out. */
async function runAll(): Promise<DryRun> {
  const failed = new Map<string, string>();
  suites = await loadSuites();
  for (const suite of suites) {
    await runSuite(suite, {
      isWanted: () => true,
      timeLimit: () => FIRST_RUN_LIMIT_MS,
      onBegin: (id) => {
        stryker.currentTestId = id ?? undefined;
      },
      onEnd: ({ id }, failure, ms) => {
        if (failure === undefined) tookMs.set(id, ms);
        else failed.set(id, String(failure));
        passed(id, ms);
        return true;
      },
    });
    spreadCoverage(suite);
  }
  const mutantCoverage = structuredClone(stryker.mutantCoverage ?? { static: {}, perTest: {} });
  stryker.isCounted = true;
  await timeAgain(failed);
  for (const id of failed.keys()) delete mutantCoverage.perTest[id];
  return { tests: [...tookMs].map(([id, ms]) => [id, ms, leastMs.get(id) ?? ms]), failed: [...failed], mutantCoverage };
}

/** Runs the long tests once more. A test that passes the first time only is left out too. */
async function timeAgain(failed: Map<string, string>): Promise<void> {
  for (const suite of suites) {
    const units = unitsOf(suite).map((unit) => unit.map(({ id }) => id));
    const long = new Set(units.filter((ids) => sumOf(ids, leastMs) > TIMED_AGAIN_MS).flat());
    await runSuite(suite, {
      isWanted: (id) => long.has(id) && !failed.has(id),
      timeLimit: () => FIRST_RUN_LIMIT_MS,
      onBegin: () => {},
      onEnd: ({ id }, failure, ms) => {
        if (failure === undefined) passed(id, ms);
        else failed.set(id, String(failure));
        return true;
      },
    });
  }
  for (const id of failed.keys()) tookMs.delete(id);
}

const sumOf = (ids: readonly string[], counts: ReadonlyMap<string, number>) =>
  ids.reduce((sum, id) => sum + (counts.get(id) ?? 0), 0);

/** Notes the time of a test; the least counts, since other work on the machine only adds to it. */
const passed = (id: string, ms: number) => leastMs.set(id, Math.min(ms, leastMs.get(id) ?? ms));

/** Counts mutants reached around all tests of a suite for each of these tests. */
function spreadCoverage(suite: Suite): void {
  const perTest = stryker.mutantCoverage?.perTest ?? {};
  const around = perTest[aroundId(suite)];
  delete perTest[aroundId(suite)];
  for (const part of suite.parts) if (isSuite(part)) spreadCoverage(part);
  if (around === undefined) return;
  for (const { id } of testsOf(suite)) {
    perTest[id] ??= {};
    const reached = perTest[id];
    for (const [mutant, hits] of Object.entries(around)) reached[mutant] = (reached[mutant] ?? 0) + hits;
  }
}

interface Outcome {
  readonly killer: string | null;
  readonly failure: unknown;
  readonly ran: number;
  /** Number of units left out because they would have exceeded the budget. */
  readonly leftOut: number;
}

function activate(mutant: string | undefined, hitLimit?: number): void {
  stryker.activeMutant = mutant;
  stryker.hitCount = mutant === undefined ? undefined : 0;
  stryker.hitLimit = hitLimit === undefined ? undefined : Math.max(HITS_MIN, hitLimit / 10);
}

/** The units that run as a whole: single tests, and suites whose tests share a setup. */
function unitsOf(suite: Suite): Test[][] {
  if (isOneUnit(suite)) return [testsOf(suite)];
  return suite.parts.flatMap((part) => (isSuite(part) ? unitsOf(part) : [[part]]));
}

/** Runs the tests with a mutant until one fails: first cheap ones, those near its file, and those that killed others in it. */
async function attempt(asked: Asked, mutant: string | undefined, only?: ReadonlySet<string>): Promise<Outcome> {
  const isWanted = (id: string) => tookMs.has(id) && (only === undefined || only.has(id));
  const units = suites.flatMap((suite) => {
    const near = NEAR_FACTOR ** nearness(asked.file, suite.id);
    return unitsOf(suite).map((tests) => {
      const ids = tests.map(({ id }) => id).filter(isWanted);
      const ms = sumOf(ids, leastMs);
      const killed = ids.reduce((sum, id) => sum + (kills.get(`${asked.file} ${id}`) ?? 0), 0);
      return { suite, ids: new Set(ids), ms, rank: (ms + 1) / (1 + KILLER_WEIGHT * killed) / near };
    });
  });
  let [ran, spentMs, leftOut] = [0, 0, 0];
  let killer: string | null = null;
  let failure: unknown;
  for (const { suite, ids, ms } of units.filter(({ ids }) => ids.size > 0).sort((a, b) => a.rank - b.rank)) {
    if (spentMs > 0 && spentMs + ms > BUDGET_MS) {
      leftOut += 1;
      continue;
    }
    activate(mutant, asked.hitLimit);
    await runSuite(suite, {
      isWanted: (id) => ids.has(id),
      // Modules that were loaded again have to make again what their tests share.
      timeLimit: (id) => (asked.isStatic ? FIRST_RUN_LIMIT_MS : Math.max(LIMIT_MS, SLOWER_MAX * (tookMs.get(id) ?? 0))),
      onBegin: () => {},
      onEnd: ({ id }, thrown, tookNow) => {
        ran += 1;
        spentMs += tookNow;
        if (thrown === undefined) {
          passed(id, tookNow);
          return true;
        }
        [killer, failure] = [id, thrown];
        return false;
      },
    });
    if (killer !== null) break;
  }
  activate(undefined);
  return { killer, failure, ran, leftOut };
}

/** Tries a mutant in code that runs at load time: reloads all test files with it. */
async function attemptLoaded(asked: Asked): Promise<Outcome> {
  const kept = suites;
  vi.resetModules();
  activate(asked.id);
  try {
    suites = await loadSuites();
    return await attempt(asked, asked.id, asked.tests);
  } catch (failure) {
    return { killer: 'the modules are loaded', failure, ran: 0, leftOut: 0 };
  } finally {
    activate(undefined);
    takeSuite('');
    suites = kept;
  }
}

/** Tries any other mutant. A test that then also fails without it was broken by an earlier mutant and proves nothing. */
async function attemptKept(asked: Asked): Promise<{ outcome: Outcome; isSpoilt: boolean }> {
  const outcome = await attempt(asked, asked.id, asked.tests);
  if (outcome.killer === null || isEndless(outcome.failure)) return { outcome, isSpoilt: false };
  const without = await attempt(asked, undefined, new Set([outcome.killer]));
  if (without.killer === null) return { outcome, isSpoilt: false };
  vi.resetModules();
  suites = await loadSuites();
  return { outcome: await attempt(asked, asked.id, asked.tests), isSpoilt: true };
}

const isEndless = (failure: unknown) =>
  failure instanceof TookTooLong || (failure instanceof Error && failure.message.includes('Hit count limit reached'));

/** Runs one test without a mutant, so that what it makes once and shares with other tests is there. */
async function runOnce(id: string): Promise<void> {
  for (const suite of suites)
    await runSuite(suite, {
      isWanted: (one) => one === id,
      timeLimit: () => FIRST_RUN_LIMIT_MS,
      onBegin: () => {},
      onEnd: () => true,
    });
}

async function tryMutant(asked: Asked): Promise<Answer> {
  if (asked.first !== undefined) await runOnce(asked.first);
  const { outcome, isSpoilt } = asked.isStatic
    ? { outcome: await attemptLoaded(asked), isSpoilt: false }
    : await attemptKept(asked);
  const { killer, failure, ran, leftOut } = outcome;
  if (killer !== null) kills.set(`${asked.file} ${killer}`, (kills.get(`${asked.file} ${killer}`) ?? 0) + 1);
  return {
    status: killer === null ? 'survived' : isEndless(failure) ? 'timeout' : 'killed',
    killer,
    failure: killer === null ? null : String(failure),
    ran,
    leftOut,
    isSpent: isSpoilt || failure instanceof TookTooLong,
    isSlow: asked.first === undefined && failure instanceof TookTooLong,
  };
}

async function resume({ tests }: KnownTests): Promise<null> {
  for (const [id, ms, least] of tests) {
    tookMs.set(id, ms);
    leastMs.set(id, least);
  }
  stryker.isCounted = true;
  suites = await loadSuites();
  return null;
}

test('mutants', { timeout: 0 }, async () => {
  const channel = new BroadcastChannel(inject('channel'));
  await new Promise<void>((resolve) => {
    channel.onmessage = async (event) => {
      const { data } = event as unknown as {
        data: { runAll?: true; resume?: KnownTests; tryMutant?: Asked; end?: true };
      };
      if (data.end) return resolve();
      try {
        const answer = data.runAll
          ? await runAll()
          : data.resume
            ? await resume(data.resume)
            : await tryMutant(data.tryMutant as Asked);
        channel.postMessage({ answer });
      } catch (error) {
        channel.postMessage({ error: (error as Error).stack ?? String(error) });
      }
    };
    channel.postMessage({ answer: 'ready' });
  });
  channel.close();
});
