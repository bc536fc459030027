// The producer compared with its peers, in one run: `node benchmarks/src/producer.ts HARNESS [rounds] [node]`, where
// HARNESS is a copy of the shared harness with its packages installed, and `node` the program of another Node version.
// Each round runs every peer once, in alternating order, on one core, with the sink on the other. Then, with this Node
// version, the faults at default settings; with 0 rounds only these. Writes results/producer.json, by version.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus } from 'node:os';
import { join, relative, resolve } from 'node:path';

const [harness = '', roundsGiven = '5', otherNode] = process.argv.slice(2);
if (harness === '') throw new Error('usage: node benchmarks/src/producer.ts HARNESS [rounds]');
const NODE = otherNode ?? process.execPath;
const ROUNDS = Number(roundsGiven);
const BATCH = 500;
const BUSY_MAX = 0.12;
const LOOKS_MAX = 8;
const TRIES_MAX = 2;

const OURS = join(import.meta.dirname, 'producer-peer.mjs');
const OURS_OUTBOX = join(import.meta.dirname, 'producer-peer-outbox.mjs');
const NAMES: Record<string, string> = { [OURS]: 'ours', [OURS_OUTBOX]: 'ours, with outbox' };

interface Scenario {
  readonly size: number;
  readonly count: number;
  readonly latencyMs: number;
  readonly peers: readonly string[];
}

const SCENARIOS: readonly Scenario[] = [
  { size: 200, count: 200_000, latencyMs: 0, peers: ['otel-logs-json', 'bare-sha256-fast', OURS, OURS_OUTBOX] },
  { size: 1_024, count: 100_000, latencyMs: 0, peers: ['otel-logs-json', 'bare-sha256-fast', OURS, OURS_OUTBOX] },
  { size: 200, count: 200_000, latencyMs: 50, peers: ['otel-spans-json', OURS] },
];

/** The scenarios of the harness's fault.mjs: the behaviour of the sink, and how many events arrive how fast. */
const FAULTS: Record<string, { config: object; count: number; perS: number; size: number }> = {
  healthy: { config: {}, count: 10_000, perS: 2_000, size: 200 },
  '503 for 3 s': { config: { failForMs: 3_000, failStatus: 503 }, count: 10_000, perS: 2_000, size: 200 },
  '503 for 15 s': { config: { failForMs: 15_000, failStatus: 503 }, count: 10_000, perS: 2_000, size: 200 },
  '429, retry after 2 s': {
    config: { failForMs: 3_000, failStatus: 429, retryAfter: 2 },
    count: 10_000,
    perS: 2_000,
    size: 200,
  },
  '413 from 10 kB on': { config: { maxBytes: 10_000 }, count: 5_000, perS: 2_000, size: 1_024 },
  'sink 100 ms': { config: { latencyMs: 100 }, count: 10_000, perS: 2_000, size: 200 },
  burst: { config: {}, count: 50_000, perS: 1e9, size: 200 },
  'no backend': { config: { failForMs: 1e9, failStatus: 503 }, count: 60_000, perS: 6_000, size: 1_024 },
};

interface Run {
  readonly per_s: number;
  readonly cpu_us: number;
  readonly rss_mb: number;
  readonly emit_p50_us: number;
  readonly emit_p99_us: number;
  readonly lost: number;
  readonly doubled: number;
  /** CPU use of other processes just before. */
  readonly busy_before: number;
}

interface SinkStats {
  readonly unique: number;
  readonly dup: number;
  readonly tLast: number;
}

/** The harness's sink, extended with this kit's answers. */
class Sink {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#process = child;
  }

  static async start(): Promise<Sink> {
    const port = await freePort();
    const file = join(import.meta.dirname, 'producer-sink.mjs');
    const child = spawn('taskset', ['-c', '1', process.execPath, '--max-old-space-size=8192', file], {
      env: { ...process.env, HARNESS: resolve(harness), PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((ready) => child.stdout?.once('data', ready));
    return new Sink(`http://127.0.0.1:${port}`, child);
  }

  async configure(config: object): Promise<void> {
    await fetch(`${this.url}/__reset`);
    await fetch(`${this.url}/__config`, { method: 'POST', body: JSON.stringify(config) });
  }

  async stats(): Promise<SinkStats> {
    return (await (await fetch(`${this.url}/__stats`)).json()) as SinkStats;
  }

  stop(): void {
    this.#process.kill('SIGTERM');
  }
}

function freePort(): Promise<number> {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => found(port));
    });
  });
}

/** Runs a script of the harness on the producer's core; its last line is JSON. */
async function runScript(args: readonly (string | number)[]): Promise<Record<string, number>> {
  const child = spawn('taskset', ['-c', '0', NODE, '--max-old-space-size=6144', ...args.map(String)], {
    cwd: harness,
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += String(chunk);
  });
  const code = await new Promise((ended) => child.on('close', ended));
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return JSON.parse(text.trim().split('\n').at(-1) ?? '');
}

/** The busy share of both cores in the last moment. */
async function busyShare(): Promise<number> {
  const before = cpus();
  await new Promise((resolve) => setTimeout(resolve, 700));
  const times = cpus().map(({ times: after }, i) => {
    const { times: then } = before[i] as (typeof before)[number];
    const idle = after.idle - then.idle;
    const all = Object.keys(after).reduce((sum, key) => sum + after[key as 'idle'] - then[key as 'idle'], 0);
    return { idle, all };
  });
  const sum = (name: 'idle' | 'all') => times.reduce((total, one) => total + one[name], 0);
  return 1 - sum('idle') / sum('all');
}

/** Waits until other work on the machine pauses, or for a bounded time. */
async function quiet(): Promise<number> {
  let busy = await busyShare();
  for (let looks = 0; busy > BUSY_MAX && looks < LOOKS_MAX; looks += 1) busy = await busyShare();
  return busy;
}

/** Repeats a disturbed run, a few times. */
async function runQuietly(sink: Sink, peer: string, scenario: Scenario): Promise<Run> {
  for (let tries = 1; ; tries += 1) {
    const run = await runOnce(sink, peer, scenario);
    if (tries === TRIES_MAX || Math.max(run.busy_before, await busyShare()) <= BUSY_MAX) return run;
  }
}

async function runOnce(sink: Sink, peer: string, { size, count, latencyMs }: Scenario): Promise<Run> {
  await sink.configure({ latencyMs });
  const busy = await quiet();
  const said = await runScript(['producer.mjs', peer, count, size, BATCH, sink.url]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const { unique, dup, tLast } = await sink.stats();
  return {
    per_s: unique / ((tLast - (said.tStart ?? 0)) / 1_000),
    cpu_us: said.cpuUs ?? 0,
    rss_mb: said.maxRssMb ?? 0,
    emit_p50_us: said.p50 ?? 0,
    emit_p99_us: said.p99 ?? 0,
    lost: count - unique,
    doubled: dup,
    busy_before: busy,
  };
}

async function runScenario(sink: Sink, scenario: Scenario) {
  const runs = new Map<string, Run[]>(scenario.peers.map((peer) => [peer, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const peer of round % 2 === 0 ? scenario.peers : scenario.peers.toReversed())
      runs.get(peer)?.push(await runQuietly(sink, peer, scenario));
  }
  const rows = [...runs].map(([peer, all]) => {
    const of = (name: keyof Run, digits = 0) => Number(median(all.map((run) => run[name])).toFixed(digits));
    const worst = (name: keyof Run) => Math.max(...all.map((run) => run[name]));
    const row = {
      producer: NAMES[peer] ?? peer,
      bytes: scenario.size,
      sink_ms: scenario.latencyMs,
      per_s: of('per_s'),
      cpu_us: of('cpu_us', 2),
      rss_mb_max: Math.round(worst('rss_mb')),
      emit_p50_us: of('emit_p50_us', 2),
      emit_p99_us: of('emit_p99_us', 1),
      lost: worst('lost'),
      doubled: worst('doubled'),
      busy_before: of('busy_before', 2),
    };
    console.log(JSON.stringify(row));
    return row;
  });
  const ratios = ratiosOf(runs);
  console.log(JSON.stringify(ratios));
  return { rows, ratios };
}

/** The medians of the ratios of each round. */
function ratiosOf(runs: ReadonlyMap<string, readonly Run[]>): Record<string, number> {
  const ours = runs.get(OURS) ?? [];
  const others = [...runs].filter(([peer]) => peer !== OURS);
  return Object.fromEntries(
    others.map(([peer, all]) => {
      const ratio = median(all.map(({ per_s }, round) => (ours[round]?.per_s ?? 0) / per_s));
      return [`ours / ${NAMES[peer] ?? peer}`, Number(ratio.toFixed(2))];
    }),
  );
}

async function runFault(sink: Sink, name: string) {
  const { config, count, perS, size } = FAULTS[name] as (typeof FAULTS)[string];
  await sink.configure(config);
  // The harness knows peers by their names in its own folder.
  const peer = relative(join(resolve(harness), 'peers'), OURS).replace(/\.mjs$/, '');
  const scenario = name === 'no backend' ? 'outage' : name;
  const said = await runScript(['fault.mjs', peer, scenario, sink.url, count, perS, size]);
  const { unique, dup } = await sink.stats();
  const { undelivered = 0, pending = 0, maxRssMb = 0, flushMs = 0 } = said;
  const row = {
    fault: name,
    events: count,
    lost: count - unique,
    doubled: dup,
    undelivered,
    pending,
    rss_mb_max: maxRssMb,
    close_ms: flushMs,
  };
  console.log(JSON.stringify(row));
  return row;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

const file = join(import.meta.dirname, '../results/producer.json');
const version = execFileSync(NODE, ['--version'], { encoding: 'utf8' }).trim();

/** Keeps the earlier results of everything that this run did not measure. */
function save(measured: object): void {
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, object>) : {};
  writeFileSync(file, `${JSON.stringify({ ...known, [version]: { ...known[version], ...measured } }, null, 2)}\n`);
}

const sink = await Sink.start();
const speeds: unknown[] = [];
for (const scenario of ROUNDS > 0 ? SCENARIOS : []) {
  speeds.push(await runScenario(sink, scenario));
  save({ rounds: ROUNDS, speeds });
}
const faults: unknown[] = [];
for (const name of otherNode === undefined ? Object.keys(FAULTS) : []) {
  faults.push(await runFault(sink, name));
  save({ faults });
}
sink.stop();
