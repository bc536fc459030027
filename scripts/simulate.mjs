// Plays random histories of the kit in a simulated world, on every core. `npm run simulate` for two minutes; `-- --hours N`,
// `-- --minutes N`, `-- --histories N` for longer or shorter; `-- --tape FILE` plays one history again; `-- --planted` measures how
// soon each planted fault is found. CONTRIBUTING.md describes it.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { buildSimulator } from './simulator/build.mjs';
import { PLANTED } from './simulator/planted.ts';
import { plantedLine, plantedText } from './simulator/planted-report.ts';
import { summaryOf, summaryText } from './simulator/summary.mjs';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'coverage/simulator');
const SUBJECTS = ['ingest'];

const { values } = parseArgs({
  options: {
    hours: { type: 'string' },
    minutes: { type: 'string' },
    histories: { type: 'string' },
    seed: { type: 'string' },
    subject: { type: 'string', multiple: true },
    workers: { type: 'string' },
    tape: { type: 'string' },
    planted: { type: 'boolean' },
    fault: { type: 'string', multiple: true },
    budget: { type: 'string' },
  },
});

mkdirSync(folder, { recursive: true });
const bundle = join(folder, 'main.mjs');
if (values.planted) process.exitCode = await findPlanted();
else {
  await buildSimulator(bundle);
  process.exitCode = values.tape === undefined ? await simulate() : await playTape(values.tape);
}

/** Looks for each planted fault until it is found or its budget of processor seconds is used up; fails if one is not found. */
async function findPlanted() {
  const seconds = Number(values.budget ?? 30);
  const seed = values.seed ?? randomBytes(8).toString('hex');
  const left = PLANTED.filter(({ name }) => values.fault === undefined || values.fault.includes(name));
  const rows = [];
  const work = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const row = await findOne(one, { seconds, seed });
      rows.push(row);
      console.log(plantedLine(row));
    }
  };
  await Promise.all(Array.from({ length: Number(values.workers ?? availableParallelism()) }, work));
  const order = new Map(PLANTED.map(({ name }, i) => [name, i]));
  rows.sort((a, b) => order.get(a.name) - order.get(b.name));
  writeFileSync(join(folder, 'planted.json'), `${JSON.stringify({ seed, budget: seconds, rows }, null, 2)}\n`);
  console.log(plantedText(rows));
  return rows.every(({ found }) => found) ? 0 : 1;
}

async function findOne({ name, promise, ...change }, { seconds, seed }) {
  const file = join(folder, `planted-${name.replaceAll(' ', '-')}.mjs`);
  await buildSimulator(file, [change]);
  try {
    const limits = { subject: 'ingest', histories: null, seconds, seed, untilFailure: true, shrinks: false };
    const { failures, histories, cpuSeconds } = await order(limits, file);
    const [failure] = failures;
    const oracle = failure?.oracle ?? null;
    return { name, promise, found: failure !== undefined, oracle, histories, cpuSeconds };
  } catch (error) {
    // Nobody knows after how long, nor whether the fault is the reason: the report shows the error.
    return { name, promise, found: true, oracle: null, histories: 0, cpuSeconds: null, error: error.message };
  } finally {
    rmSync(file, { force: true });
    rmSync(`${file}.names.json`, { force: true });
  }
}

/** Plays one tape; fails if its history does. */
async function playTape(tape) {
  const { failure, steps, deaths } = await order({ tape });
  console.log(
    `${steps} steps, ${deaths} deaths: ${failure === null ? 'no failure' : `${failure.oracle}: ${failure.text}`}`,
  );
  return failure === null ? 0 : 1;
}

async function simulate() {
  const subjects = values.subject ?? SUBJECTS;
  const workers = Number(values.workers ?? availableParallelism());
  const wallSeconds = Number(values.hours ?? 0) * 3_600 + Number(values.minutes ?? 0) * 60;
  const histories = values.histories === undefined ? null : Math.ceil(Number(values.histories) / workers);
  const seconds = histories === null ? (wallSeconds || 120) / subjects.length : null;
  const seed = values.seed ?? randomBytes(8).toString('hex');
  console.log(`seed ${seed}, ${workers} processes`);
  const startedMs = performance.now();
  const results = [];
  for (const subject of subjects)
    results.push(
      ...(await Promise.all(
        Array.from({ length: workers }, (_, i) => run({ subject, seconds, histories }, seedOf(seed, i))),
      )),
    );
  const names = JSON.parse(readFileSync(`${bundle}.names.json`, 'utf8'));
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout.trim();
  const wall = (performance.now() - startedMs) / 1_000;
  const summary = summaryOf(results, { names, commit, node: process.version, seed, workers, wallSeconds: wall });
  writeFileSync(join(folder, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  for (const { oracle, tape } of summary.failures)
    writeFileSync(join(folder, `${oracle.replaceAll(' ', '-')}.tape`), tape);
  console.log(summaryText(summary));
  return summary.failures.length === 0 && summary.differed === 0 ? 0 : 1;
}

/** A seed of its own for each process. */
function seedOf(seed, worker) {
  return (BigInt(`0x${seed}`) ^ (BigInt(worker + 1) * 0x9e3779b97f4a7c15n)).toString(16).slice(-16).padStart(16, '0');
}

function run(limits, seed) {
  return order({ ...limits, seed, untilFailure: false, shrinks: true });
}

/** Lets a process of the simulator do something; returns its answer. */
function order(what, program = bundle) {
  const child = spawn(process.execPath, ['--enable-source-maps', program, JSON.stringify(what)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const texts = [];
  child.stdout.setEncoding('utf8').on('data', (text) => texts.push(text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(texts.join('')));
      else reject(new Error(`a process of the simulator ended with ${code ?? signal}`));
    });
  });
}
