// Writes the figures of the README from the results of the last run, so that none is typed by hand.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface IngestResult {
  node: string;
  base: number;
  more: number;
  events_per_s: number;
  bare_rows_per_s: number;
  of_bare: number;
  last_tenth_of_first: number;
  rss_mb_max: number;
}

const root = join(import.meta.dirname, '../..');
const read = <T>(name: string) => JSON.parse(readFileSync(join(root, `benchmarks/results/${name}.json`), 'utf8')) as T;
const result = read<IngestResult>('ingest');
interface Compared {
  readonly rounds: number;
  readonly of_postgres_by_round: readonly number[];
  readonly of_postgres: number;
  readonly kit: { readonly events_per_s: number; readonly cpu_us_per_event: number };
  readonly collector: { readonly events_per_s: number; readonly cpu_us_per_event: number };
}
const versus = read<{
  postgres: string;
  single: Compared & { from: number; packs_per_event: number };
  batches: Compared & { from: number; to: number };
}>('against-postgres');
const range = ({ of_postgres_by_round: all }: Compared) => `${Math.min(...all)} to ${Math.max(...all)} by round`;
type Shares = { readonly share_by_part: Readonly<Record<string, number>> };
const parts = read<Record<'batches' | 'single', Shares>>('cpu-by-part');
const sharesOf = ({ share_by_part }: Shares) =>
  Object.entries(share_by_part)
    .map(([part, share]) => `${part} ${Math.round(share * 100)} %`)
    .join(', ');
const page = read<{ median_ms: number }>('timeline');
const replay = read<{
  windows: { inputs: number; metric: string; ms: number; unchanged_ms: number }[];
  replay: { by_source_ms: number; by_entity_ms: number };
  plan: { dry_run_ms: number; of_walk_and_compute: number };
}>('replay');
type Relative = Record<'batch_p50_of_idle' | 'batch_p99_of_idle', number>;
const readers = read<{ events: number; summary: Record<string, Relative> }>('readers');
const duringLag = (way: 'readers 0' | 'readers 1') => {
  const lag = readers.summary[`${way}, lag`];
  return `${lag?.batch_p50_of_idle.toFixed(1)} / ${lag?.batch_p99_of_idle.toFixed(1)}`;
};
const costs = read<{ rows: { dollars: { sum: number } }[] }>('aws-costs');
const starts = read<{ functions: { import_ms_p50: number }[] }>('cold-start');
const cloud = read<{ of_bare: number }>('aws-ingest');
interface Answered {
  median_ms: number;
  cpu_ms: number;
}
type Question = 'lag' | 'duplicates' | 'gaps' | 'explain_event';
const reports = read<{ sizes: ({ events: number } & Record<Question, Answered>)[] }>('reports');
const change = read<{
  results: { metric: string; inputs_each_side: number; median_ms: number; cpu_median_ms: number }[];
}>('explain-change');
const answered = (question: Question) =>
  reports.sizes.map((size) => `${n(size[question].cpu_ms)} (${n(size[question].median_ms)})`).join(' / ');
const changed = (count: number) =>
  ['additive', 'unit', 'shapley']
    .map((name) => change.results.find((one) => one.metric === name && one.inputs_each_side === count))
    .map((one) => n(one?.cpu_median_ms ?? 0))
    .join(' / ');
const recomputed = (inputs: number) =>
  ['all_count', 'all_sum', 'entity_count', 'entity_sum']
    .map((name) => n(replay.windows.find((one) => one.inputs === inputs && one.metric === name)?.ms ?? 0))
    .join(' / ');
interface ProducerRow {
  readonly producer: string;
  readonly per_s: number;
  readonly cpu_us: number;
  readonly emit_p50_us: number;
}
interface ProducerResult {
  readonly speeds: { readonly rows: readonly ProducerRow[]; readonly ratios: Readonly<Record<string, number>> }[];
  readonly faults: { readonly fault: string; readonly lost: number; readonly doubled: number }[];
}
const producers = read<Record<string, ProducerResult>>('producer');
const { speeds, faults } = producers[result.node] as ProducerResult;
/** The cost of one event for a producer of the benchmark. */
const cost = (name: string) => {
  const row = speeds[0]?.rows.find(({ producer }) => producer === name);
  return `${row?.cpu_us} µs`;
};
const reached = faults.filter(({ fault }) => fault !== 'no backend');
const sum = (name: 'lost' | 'doubled') => reached.reduce((total, fault) => total + fault[name], 0);
const n = (value: number) => value.toLocaleString('en-US');
const figures = `Measured on one machine with 2 cores and Node ${result.node}, with the load generator on the same machine. The scripts are in \`benchmarks/src\`:
\`ingest.ts\`, \`timeline.ts\`, \`replay.ts\`, \`producer.ts\`, \`reports.ts\` and \`explain-change.ts\`. Other work ran on the
machine at the same time: trust the ratios of what ran in turn more than the rates.

| What | Measured |
|---|---|
| Durable ingest over HTTP, batches of 500 events of 200 bytes, 16 requests in flight, while the index grows from ${n(result.base)} to ${n(result.base + result.more)} events | ${n(result.events_per_s)} events/s (median of ten parts) |
| Bare \`node:sqlite\` with a row for each event, as many events per commit and as durable, run alternately with the kit | ${n(result.bare_rows_per_s)} rows/s; the kit reaches ${result.of_bare} of it |
| The same batches in turn with a collector over PostgreSQL ${versus.postgres.split(' ')[0]} (Fastify, one row per event, no bytes kept), ${versus.batches.rounds} rounds, from ${n(versus.batches.from)} to ${n(versus.batches.to)} events (\`against-postgres.ts\`) | ${versus.batches.of_postgres} of its rate (${range(versus.batches)}); CPU per event ${versus.batches.kit.cpu_us_per_event} against ${versus.batches.collector.cpu_us_per_event} µs |
| One event per request, 64 in flight, from ${n(versus.single.from)} events, the same way | ${versus.single.of_postgres} of its rate (${range(versus.single)}); CPU per event ${versus.single.kit.cpu_us_per_event} against ${versus.single.collector.cpu_us_per_event} µs; ${versus.single.packs_per_event} packs per event |
| What the threads of the server that run JavaScript spend their time on, batches of 500 events (\`cpu-by-part.ts\`) | ${sharesOf(parts.batches)} |
| The same for single events | ${sharesOf(parts.single)} |
| Time of a batch of 100 events while a lag report over 30 days and ${n(readers.events)} events is asked again and again, relative to the same server when idle, median / p99: with a thread for questions; in turn with one thread for everything (\`readers.ts\`) | ${duringLag('readers 1')}; ${duringLag('readers 0')} |
| Ingest rate of the last tenth compared with the first tenth | ${result.last_tenth_of_first} of it |
| Peak memory of the server (RSS) | ${n(result.rss_mb_max)} MB |
| Timeline page of 500 events out of 1,000,000, over HTTP, median | ${page.median_ms} ms |
| Recomputing a window of 10,000 events, from its message to the durable version: count over all / sum over all / count of an entity / sum of an entity | ${recomputed(10_000)} ms |
| The same for 100,000 events | ${recomputed(100_000)} ms |
| Replay of 100,000 events into the queue, by source / by entity | ${n(replay.replay.by_source_ms)} / ${n(replay.replay.by_entity_ms)} ms |
| Dry run of a replay of 100,000 events, and its ratio to reading them and computing their window | ${n(replay.plan.dry_run_ms)} ms; ${replay.plan.of_walk_and_compute} |
| AWS cost of a million events in requests of 100: content identity / with keys / all repeats (\`aws-costs.ts\`) | ${costs.rows.map(({ dollars }) => `$${dollars.sum.toFixed(2)}`).join(' / ')} |
| Cold start: import time of the slowest function's bundle (\`cold-start.ts\`) | ${Math.max(...starts.functions.map(({ import_ms_p50 }) => import_ms_p50))} ms |
| Ingest through the function over an emulator, compared with bare SDK calls that write the same (\`aws-ingest.ts\`) | ${cloud.of_bare} of it |
| Producer CPU time per event of 200 bytes, with identity (two SHA-256), gzip and result: in memory / with an outbox, fsynced | ${cost('ours')} / ${cost('ours, with outbox')} |
| For comparison: OpenTelemetry's log exporter over JSON, without any of these / a bare loop that derives one SHA-256 over canonical JSON and posts | ${cost('otel-logs-json')} / ${cost('bare-sha256-fast')} |
| A producer with default settings under ${reached.length} backend faults: events lost / duplicated | ${sum('lost')} / ${sum('doubled')} |
| Lag over 30 days by source and type, out of 10,000 / 100,000 / 1,000,000 events: CPU time of the server (median wall-clock time, on a busy machine) | ${answered('lag')} ms |
| Duplicates, the same | ${answered('duplicates')} ms |
| Gaps by the hour, the same | ${answered('gaps')} ms |
| The story of one event, the same | ${answered('explain_event')} ms |
| Explaining a change, 100,000 inputs on each side, once loaded: additive / by unit / by Shapley, CPU time | ${changed(100_000)} ms |
| The same for 10,000 | ${changed(10_000)} ms |`;

const file = join(root, 'docs/figures.md');
const marked = /(<!-- figures[^>]*-->\n)[\s\S]*?(<!-- \/figures -->)/;
writeFileSync(
  file,
  readFileSync(file, 'utf8').replace(marked, (_, start, end) => `${start}${figures}\n${end}`),
);
