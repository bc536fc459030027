// CPU time that a producer takes from the event loop, compared with its peers: `node benchmarks/src/main-thread.ts HARNESS [rounds]
// [node]`, where HARNESS is a copy of the shared harness with its packages installed, and `node` the program of another
// Node version (22.15 or newer, for the CPU time of a thread). Each round runs every variant once, in alternating order,
// all on both cores. Writes results/main-thread.json, by version, with every run.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';

const [harness = '', roundsGiven = '5', otherNode] = process.argv.slice(2);
if (harness === '') throw new Error('usage: node benchmarks/src/main-thread.ts HARNESS [rounds] [node]');
const NODE = otherNode ?? process.execPath;
const ROUNDS = Number(roundsGiven);
const BATCH = 500;
const RESULTS = join(import.meta.dirname, '../results/main-thread.json');
const CHILD = join(import.meta.dirname, 'main-thread-child.mjs');
const OURS = join(import.meta.dirname, 'main-thread-peer.mjs');

interface Variant {
  readonly name: string;
  readonly peer: string;
  readonly env: Readonly<Record<string, string>>;
}

const VARIANTS: readonly Variant[] = [
  { name: 'otel-logs-json', peer: 'otel-logs-json', env: {} },
  { name: 'otel-logs-proto', peer: 'otel-logs-proto', env: {} },
  { name: 'ours, never', peer: OURS, env: { THREAD: 'never' } },
  { name: 'ours, always', peer: OURS, env: { THREAD: 'always' } },
  { name: 'ours, always, by occurrence', peer: OURS, env: { THREAD: 'always', IDENTITY: 'occurrence' } },
  { name: 'ours, always, with outbox', peer: OURS, env: { THREAD: 'always', OUTBOX: '1' } },
];
const SCENARIOS = [
  { mode: 'paced', size: 200, count: 200_000 },
  { mode: 'paced', size: 1_024, count: 100_000 },
  { mode: 'outage', size: 200, count: 160_000 },
] as const;

type Run = Readonly<Record<string, number>>;

async function startSink(): Promise<{ url: string; child: ChildProcess }> {
  const port = await new Promise<number>((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as { port: number };
      server.close(() => found(free));
    });
  });
  const file = join(import.meta.dirname, 'producer-sink.mjs');
  const child = spawn(process.execPath, ['--max-old-space-size=8192', file], {
    env: { ...process.env, HARNESS: resolve(harness), PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((ready) => child.stdout?.once('data', ready));
  return { url: `http://127.0.0.1:${port}`, child };
}

async function runOnce({ peer, env }: Variant, { mode, size, count }: (typeof SCENARIOS)[number]): Promise<Run> {
  await fetch(`${sink.url}/__reset`);
  await fetch(`${sink.url}/__config`, { method: 'POST', body: '{}' });
  const args = ['--max-old-space-size=6144', CHILD, harness, peer, count, size, BATCH, sink.url, mode];
  const child = spawn(NODE, args.map(String), {
    env: { ...process.env, ...env, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += String(chunk);
  });
  const code = await new Promise((ended) => child.on('close', ended));
  if (code !== 0) throw new Error(`${peer} ended with ${code}`);
  const load = Number((loadavg()[0] ?? 0).toFixed(1));
  return { load, ...(JSON.parse(text.trim().split('\n').at(-1) ?? '') as Run) };
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function runScenario(scenario: (typeof SCENARIOS)[number]) {
  // An outage is a matter of the producer alone.
  const variants = VARIANTS.filter(({ peer }) => scenario.mode === 'paced' || peer === OURS);
  const runs = new Map<string, Run[]>(variants.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const variant of round % 2 === 0 ? variants : variants.toReversed())
      runs.get(variant.name)?.push(await runOnce(variant, scenario));
  const rows = [...runs].map(([name, all]) => {
    const of = (field: string) => Number(median(all.map((run) => run[field] ?? Number.NaN)).toFixed(2));
    const fields =
      scenario.mode === 'paced' ? ['main_us', 'all_us', 'per_s', 'rss_mb', 'errors'] : ['wall_ms', 'cpu_ms', 'rss_mb'];
    return { name, ...Object.fromEntries(fields.map((field) => [field, of(field)])) };
  });
  console.log(JSON.stringify(scenario));
  console.table(rows);
  return { ...scenario, rows, runs: Object.fromEntries(runs) };
}

const sink = await startSink();
const version = execFileSync(NODE, ['--version'], { encoding: 'utf8' }).trim();
const scenarios: unknown[] = [];
for (const scenario of SCENARIOS) {
  scenarios.push(await runScenario(scenario));
  const known = existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as object) : {};
  const machine = { cpu: cpus()[0]?.model ?? '', cores: cpus().length };
  const measured = { measured_at: new Date().toISOString(), machine, rounds: ROUNDS, scenarios };
  writeFileSync(RESULTS, `${JSON.stringify({ ...known, [version]: measured }, null, 1)}\n`);
}
sink.child.kill('SIGTERM');
