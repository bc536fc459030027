// Ingest over HTTP, the kit in turn with a home-made collector over PostgreSQL: single events into a small index, then
// batches into one that grows. The machine may be busy with other work, so only the ratios of the rounds count. Installs
// nothing: it needs PostgreSQL in /usr/lib/postgresql (`apt-get install postgresql`). Writes results/against-postgres.json.
// `--add` adds the rounds to those of the last run, since one busy quarter of an hour can decide the ratio of a short run.
// node benchmarks/src/against-postgres.ts [--add] [--rounds 5] [--small 200000] [--base 1000000] [--more 1000000] [--singles 10000]
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLoad, type Load, median, quantile } from './load.ts';
import { makeBodies } from './rows.ts';
import { serveKit } from './served-kit.ts';
import { servePostgres } from './served-postgres.ts';

const option = (value: string) => ({ type: 'string', default: value }) as const;
const { values } = parseArgs({
  options: {
    rounds: option('5'),
    small: option('200000'),
    base: option('1000000'),
    more: option('1000000'),
    singles: option('10000'),
    write: { type: 'boolean', default: true },
    add: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const [rounds, small, base, more, singles] = [
  values.rounds,
  values.small,
  values.base,
  values.more,
  values.singles,
].map(Number) as [number, number, number, number, number];

/** One measured part of one system. */
interface Part {
  readonly events_per_s: number;
  readonly cpu_us_per_event: number;
  readonly p99_ms: number;
}

/** The rounds of an earlier run. */
type Earlier = Record<'single' | 'batches', { readonly parts: Record<'kit' | 'collector', Part[]> }>;

interface System {
  readonly batches: Load;
  readonly singles: Load;
  readonly cpuMs: () => number;
}

const RESULTS = join(import.meta.dirname, '../results/against-postgres.json');
const earlier = values.add ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as Earlier) : null;
const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
// The user of PostgreSQL has its folder in it.
chmodSync(dir, 0o711);
const postgres = await servePostgres(join(dir, 'postgres'));
if (postgres === null) {
  console.error('PostgreSQL is not installed in /usr/lib/postgresql');
  process.exit(2);
}
const kitDir = join(dir, 'kit');
let kit = await serveKit(kitDir);
const systems = {
  kit: systemOf(kit.url, () => kit.cpuMs()),
  postgres: systemOf(postgres.url, () => postgres.cpuMs()),
};
let rssMax = 0;

console.error(`filling both with ${small} events …`);
await fill(0, small);
const packsBefore = packCount();
const single = await inTurn(small, { perRound: singles, perRequest: 1 });
const packs_per_single = (packCount() - packsBefore) / (singles * rounds);
const reached = small + singles * rounds;
console.error(`filling both up to ${base} events …`);
await fill(reached, base);
const batch = await inTurn(base, { perRound: more / rounds, perRequest: 500 });
const sizes = {
  index_bytes_per_event: Math.round(indexBytes() / (base + more)),
  keys_bytes_per_event: Math.round(bytesBelow(join(kitDir, 'index.keys')) / (base + more)),
  raw_bytes_per_event: Math.round(bytesBelow(join(kitDir, 'raw')) / (base + more)),
  postgres_bytes_per_event: Math.round(postgres.bytes() / (base + more)),
};
const restart = await restarts();
await kit.stop();
await postgres.stop();
rmSync(dir, { recursive: true });

const result = {
  node: process.version,
  postgres: postgres.version,
  single: {
    from: small,
    in_flight: 64,
    packs_per_event: Number(packs_per_single.toFixed(3)),
    ...compared('single', single),
  },
  batches: { from: base, to: base + more, per_request: 500, in_flight: 16, ...compared('batches', batch) },
  ...sizes,
  rss_mb_max: Math.round(rssMax),
  ...restart,
};
if (values.write) writeFileSync(RESULTS, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));

function systemOf(url: string, cpuMs: () => number): System {
  return { batches: createLoad(url, { inFlight: 16 }), singles: createLoad(url, { inFlight: 64 }), cpuMs };
}

async function fill(from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 50_000) {
    const bodies = makeBodies(n, Math.min(50_000, to - n), 500);
    for (const { batches } of Object.values(systems)) await batches.send(bodies);
  }
}

/** Measures both systems round by round, each first in every other round. */
async function inTurn(from: number, { perRound, perRequest }: { perRound: number; perRequest: number }) {
  const parts: Record<keyof typeof systems, Part[]> = { kit: [], postgres: [] };
  for (let round = 0; round < rounds; round++) {
    const bodies = makeBodies(from + round * perRound, perRound, perRequest);
    const order = round % 2 === 0 ? (['kit', 'postgres'] as const) : (['postgres', 'kit'] as const);
    for (const name of order) {
      parts[name].push(await measure(systems[name], { bodies, events: perRound, isSingle: perRequest === 1 }));
      console.error(round, perRequest, name, JSON.stringify(parts[name].at(-1)));
    }
  }
  return parts;
}

async function measure(
  system: System,
  { bodies, events, isSingle }: { bodies: readonly Buffer[]; events: number; isSingle: boolean },
): Promise<Part> {
  const [started, cpuMs] = [performance.now(), system.cpuMs()];
  const times = await (isSingle ? system.singles : system.batches).send(bodies);
  rssMax = Math.max(rssMax, kit.rssMb());
  return {
    events_per_s: Math.round(events / ((performance.now() - started) / 1_000)),
    cpu_us_per_event: Number((((system.cpuMs() - cpuMs) * 1_000) / events).toFixed(1)),
    p99_ms: Number(quantile(times, 0.99).toFixed(1)),
  };
}

/** The medians of all rounds, and their ratio. */
function compared(name: keyof Earlier, now: Record<keyof typeof systems, Part[]>) {
  const before = earlier?.[name].parts ?? { kit: [], collector: [] };
  const parts = { kit: [...before.kit, ...now.kit], collector: [...before.collector, ...now.postgres] };
  const fields = ['events_per_s', 'cpu_us_per_event', 'p99_ms'] as const;
  const medianOf = (some: readonly Part[], field: keyof Part) => median(some.map((part) => part[field]));
  const medians = (some: readonly Part[]) => Object.fromEntries(fields.map((field) => [field, medianOf(some, field)]));
  const ratio = medianOf(parts.kit, 'events_per_s') / medianOf(parts.collector, 'events_per_s');
  const ratios = parts.kit.map((part, i) => part.events_per_s / (parts.collector[i]?.events_per_s ?? 0));
  return {
    rounds: ratios.length,
    of_postgres: Number(ratio.toFixed(2)),
    of_postgres_by_round: ratios.map((one) => Number(one.toFixed(2))),
    kit: medians(parts.kit),
    collector: medians(parts.collector),
    parts,
  };
}

/** The time from the start of a killed server to its first answer, as often as there are rounds. */
async function restarts() {
  const times: number[] = [];
  for (let n = 0; n < rounds; n++) {
    await kit.stop('SIGKILL');
    const started = performance.now();
    kit = await serveKit(kitDir);
    await createLoad(kit.url, { inFlight: 1 }).get('/healthz');
    times.push(Math.round(performance.now() - started));
  }
  return { restart_ms: median(times) };
}

function packCount(): number {
  return readdirSync(join(kitDir, 'raw'), { recursive: true }).filter((name) => String(name).endsWith('.gz')).length;
}

function indexBytes(): number {
  return ['index.db', 'index.db-wal'].reduce((sum, name) => sum + statSync(join(kitDir, name)).size, 0);
}

function bytesBelow(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
