// Cold start of each function: imports each bundle of the deployment in a new process, as the runtime does. Run `npm
// run build` first, then `node benchmarks/src/cold-start.ts`.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';

const FUNCTIONS = ['ingest', 'replay', 'investigate', 'processor', 'sweeper'];
const ROUNDS = 21;
const TARGET_MS = 150;
const DIST = join(import.meta.dirname, '../../deploy/dist');
const RESULTS = join(import.meta.dirname, '../results/cold-start.json');

/** As in the template; with IAM, so that Secrets Manager is not called. */
const VARIABLES = {
  POWERTOOLS_SERVICE_NAME: 'kit',
  PIK_BUCKET: 'kit-raw',
  PIK_INDEX_TABLE: 'kit-index',
  PIK_AGGREGATES_TABLE: 'kit-aggregates',
  PIK_REPLAYS_TABLE: 'kit-replays',
  PIK_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/kit-replay',
  PIK_DEAD_LETTER_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/kit-dead',
  PIK_RAW_RETENTION_DAYS: '0',
  PIK_SETTLE_MS: '50000',
  PIK_RETRY_DELAY_MS: '60000',
  PIK_AUTHENTICATION: 'IAM',
  PIK_FIRST_KEY_SECRET: '',
  PIK_API_KEYS: '',
};

const IMPORT = `
const started = performance.now();
const cpu = process.cpuUsage();
await import(process.argv[1]);
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify([performance.now() - started, (user + system) / 1000]));`;

function importOnce(file: string): [wallMs: number, cpuMs: number] {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', IMPORT, file], {
    env: { PATH: process.env.PATH, AWS_REGION: 'eu-central-1', ...VARIABLES },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as [number, number];
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const tenth = (value: number) => Math.round(value * 10) / 10;

const files = FUNCTIONS.map((name) => ({
  name,
  file: join(DIST, name, 'index.mjs'),
  wall: [] as number[],
  cpu: [] as number[],
}));
for (let round = 0; round <= ROUNDS; round++) {
  for (const { file, wall, cpu } of files) {
    const [wallMs, cpuMs] = importOnce(file);
    // The first run reads the file from disk.
    if (round > 0) wall.push(wallMs);
    if (round > 0) cpu.push(cpuMs);
  }
}
const functions = files.map(({ name, file, wall, cpu }) => ({
  name,
  bundle_kb: Math.round(statSync(file).size / 1024),
  import_ms_p50: tenth(median(wall)),
  import_ms_min: tenth(Math.min(...wall)),
  cpu_ms_p50: tenth(median(cpu)),
}));
console.table(functions);
const built = JSON.parse(readFileSync(join(DIST, 'built.json'), 'utf8')) as { metrics: string[] };
const load = tenth(loadavg()[0] ?? 0);
const machine = { node: process.version, cpu: cpus()[0]?.model ?? '', cores: cpus().length, load };
const result = { measured_at: new Date().toISOString(), machine, rounds: ROUNDS, metrics: built.metrics, functions };
writeFileSync(RESULTS, `${JSON.stringify(result, null, 2)}\n`);
// An import runs on one thread: on an idle machine its wall-clock time equals its CPU time, and on a busy machine the
// wall-clock time depends on other work.
const busy = load > cpus().length;
const slow = functions.filter(({ import_ms_p50, cpu_ms_p50 }) => (busy ? cpu_ms_p50 : import_ms_p50) > TARGET_MS);
if (busy) console.log(`load ${load} on ${cpus().length} cores: CPU time is compared with the target`);
if (slow.length > 0) console.log(`over ${TARGET_MS} ms: ${slow.map(({ name }) => name).join(', ')}`);
process.exitCode = slow.length === 0 ? 0 : 1;
