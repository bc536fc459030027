import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { env } from 'node:process';
import { BroadcastChannel } from 'node:worker_threads';

import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import { createVitest } from 'vitest/node';

/** Number of mutants after which a worker is replaced, so that leftovers cannot accumulate. */
const MUTANTS_PER_WORKER = 400;
/** Tries every n-th mutant, from the one with this number on. */
const EVERY = Number(env.MUTATE_EVERY ?? 1);
const FROM = Number(env.MUTATE_FROM ?? 0);
/** One line per tried mutant, written at once, so that an interrupted run keeps its results. */
const LOG = resolve(env.MUTATE_LOG ?? 'coverage/mutants/tried.ndjson');
/** The results of the first run, for the processes that replace one that hung. */
const KNOWN = resolve('coverage/mutants/known.json');
const TESTS = 'packages/engine/{src,test}/**/*.test.ts';
const NEVER = [
  '**/*.{e2e,data}.test.ts',
  'packages/engine/test/aws/**',
  'packages/engine/src/{backends/aws,http,telemetry}/**',
];
/** Mutants are tried in a copy of the repository; they are named by their place in the original. */
const ROOT = resolve();

/**
 * A test runner of Stryker that keeps the tests and all modules loaded in one worker of vitest (`worker.ts`) and switches from
 * mutant to mutant in it. Stryker's own for vitest makes a worker and loads everything for each mutant, which takes a hundred
 * times as long.
 */
class KeptTestsRunner {
  static inject = tokens(commonTokens.options, commonTokens.logger);
  #log;
  #config;
  #vitest;
  #channel;
  #ended;
  #known;
  #tried = 0;

  constructor({ keptTests }, log) {
    this.#log = log;
    this.#config = keptTests.configFile;
  }

  /** A mutant in code that runs at load time is tried by loading the modules again. */
  capabilities() {
    return { reloadEnvironment: true };
  }

  async init() {
    env.VITEST = '1';
    env.NODE_ENV = 'test';
    await this.#start();
  }

  async dryRun() {
    const { tests, failed, mutantCoverage } = await this.#ask({ runAll: true });
    for (const [id, failure] of failed) this.#log.warn(`left out, since it fails without a mutant: ${id}: ${failure}`);
    this.#known = { tests };
    writeFileSync(KNOWN, JSON.stringify(this.#known));
    const results = tests.map(([id, ms]) => ({
      id,
      name: id,
      status: 0,
      timeSpentMs: ms,
      fileName: resolve(id.split(' > ')[0]),
    }));
    return { status: 'complete', tests: results, mutantCoverage };
  }

  async mutantRun(run) {
    if (Number(run.activeMutant.id) % EVERY === FROM % EVERY) return this.#tryMutant(run);
    return { status: 'error', errorMessage: 'not in the sample' };
  }

  async #tryMutant({ activeMutant, hitLimit, testFilter, mutantActivation }) {
    this.#tried += 1;
    if (this.#tried > MUTANTS_PER_WORKER || this.#known === undefined) await this.#restart();
    const { id, fileName, location, mutatorName, replacement } = activeMutant;
    const isStatic = mutantActivation === 'static';
    const tests = testFilter && new Set(testFilter);
    const asked = { id, file: fileName, hitLimit, tests, isStatic };
    let answer = await this.#ask({ tryMutant: asked });
    if (answer.isSpent) await this.#restart();
    if (answer.isSlow) {
      answer = await this.#ask({ tryMutant: { ...asked, first: answer.killer } });
      if (answer.isSpent) await this.#restart();
    }
    const placeOf = ({ line, column }) => `${line + 1}:${column + 1}`;
    const place = `${relative(ROOT, fileName)}:${placeOf(location.start)}-${placeOf(location.end)}`;
    appendFileSync(LOG, `${JSON.stringify({ place, mutatorName, replacement, isStatic, ...answer })}\n`);
    const { status, killer, failure, ran } = answer;
    if (status === 'survived') return { status, nrOfTests: ran };
    if (status === 'timeout') return { status, reason: failure };
    return { status, killedBy: [killer], failureMessage: failure, nrOfTests: ran };
  }

  async dispose() {
    await this.#stop();
  }

  async #restart() {
    await this.#stop();
    await this.#start();
    this.#known ??= JSON.parse(readFileSync(KNOWN, 'utf8'));
    await this.#ask({ resume: this.#known });
  }

  async #start() {
    for (const file of [LOG, KNOWN]) mkdirSync(dirname(file), { recursive: true });
    this.#tried = 0;
    const name = `mutants ${process.pid} ${performance.now()}`;
    this.#channel = new BroadcastChannel(name);
    this.#vitest = await createVitest('test', {
      config: this.#config,
      watch: false,
      coverage: { enabled: false },
      reporters: [{}],
      onConsoleLog: () => false,
    });
    this.#vitest.provide('channel', name);
    this.#vitest.provide('testFiles', await testFiles());
    const ready = this.#answer();
    this.#ended = this.#vitest.start().catch(() => {});
    await ready;
  }

  async #stop() {
    this.#channel.postMessage({ end: true });
    const late = new Promise((pass) => setTimeout(pass, 5_000).unref());
    await Promise.race([this.#ended, late]);
    await Promise.race([this.#vitest.close(), late]);
    this.#channel.close();
  }

  #ask(message) {
    const answer = this.#answer();
    this.#channel.postMessage(message);
    return answer;
  }

  async #answer() {
    const { error, answer } = await new Promise((pass) => {
      this.#channel.onmessage = ({ data }) => pass(data);
    });
    if (error !== undefined) throw new Error(error);
    return answer;
  }
}

/**
 * The files of `MUTATE_TESTS` without those of `MUTATE_NOT`; both are comma-separated lists of patterns. Unless the first is set, files
 * that replace modules are left out: all test files share their modules here, and would get the replacements too.
 */
async function testFiles() {
  const patterns = (list) => list.split(/,(?![^{]*\})/).filter((pattern) => pattern !== '');
  const exclude = [...NEVER, ...patterns(env.MUTATE_NOT ?? '')];
  const files = [];
  for await (const file of glob(patterns(env.MUTATE_TESTS ?? TESTS), { exclude })) files.push(file);
  const replaces = (file) => readFileSync(file, 'utf8').includes('vi.mock(');
  return files.filter((file) => env.MUTATE_TESTS !== undefined || !replaces(file)).sort();
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'kept-tests', KeptTestsRunner)];
export const strykerValidationSchema = {
  properties: { keptTests: { type: 'object', properties: { configFile: { type: 'string' } } } },
};
