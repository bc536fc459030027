// Replays, dry runs and recomputed windows of 10,000 and 100,000 inputs, in this process over files and SQLite. Writes
// results/replay.json, from which `readme.ts` writes the figures of the README. node benchmarks/src/replay.ts [--rounds
// 5] A window is timed from its message to the durable version. A dry run is compared with the same replay without
// sending in two ways: the walk and the messages alone, and these plus computing the predicted values, as the processor
// would.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { type Aggregate, countOf, dailyEventCount, defineAggregate, sumOf } from '@pik/aggregates';
import { createApp, createPipeline, type Pipeline, silentTelemetry } from '@pik/engine';
import { type LocalBackend, openLocalBackend } from '@pik/engine/local';
import type { GroupBy } from '@pik/schema';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const ROUNDS = Number(values.rounds);
const PER_REQUEST = 500;
/** One day for each size of window; all its events have one entity and one source. */
const DAYS = [
  { inputs: 10_000, day: '2025-12-27', entity: 'ten' },
  { inputs: 100_000, day: '2025-12-28', entity: 'hundred' },
] as const;
const BIG = DAYS[1];
const requester = { principal: null, requestId: 'bench' };

const metric = (group_by: GroupBy, payload: boolean): Aggregate =>
  defineAggregate({
    metric: `${group_by}_${payload ? 'sum' : 'count'}`,
    definition_version: 1,
    group_by,
    window: 'day',
    time_zone: 'UTC',
    reads_payload: payload,
    ...(payload ? sumOf((input) => (input.payload as { n: number }).n) : countOf()),
  } as Parameters<typeof defineAggregate>[0]);
const AGGREGATES = [metric('entity', false), metric('entity', true), metric('all', false), metric('all', true)];

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const rounded = (value: number) => Math.round(value);

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const started = performance.now();
  const value = await work();
  return { ms: performance.now() - started, value };
}

let sent = 0;
/** Events of a day arrive in the order in which they happened, except for one hour. */
async function ingest(
  pipeline: Pipeline,
  { day, entity, inputs }: (typeof DAYS)[number],
  count: number,
): Promise<string> {
  let last = '';
  for (let done = 0; done < count; done += PER_REQUEST) {
    const lines = Array.from({ length: Math.min(PER_REQUEST, count - done) }, () => {
      sent += 1;
      const ofDay = Math.floor(((sent % inputs) / inputs) * 82_800_000) + ((sent * 7_919) % 3_600_000);
      const time = new Date(Date.parse(`${day}T00:00:00Z`) + ofDay).toISOString();
      return `{"source":"checkout","event_type":"order.placed","entity_id":"${entity}","event_time":"${time}","payload":{"n":${sent},"fill":"${'x'.repeat(60)}"}}`;
    });
    const { results } = await pipeline.ingest({
      body: new TextEncoder().encode(lines.join('\n')),
      format: 'ndjson',
      mode: 'live',
      receivedMs: Date.now(),
      requestId: 'bench',
      principal: null,
      dryRun: false,
    });
    last = results.at(-1)?.event_id ?? '';
  }
  return last;
}

/** New and unchanged windows: one more event between rounds makes each one new. */
async function windowFigures(pipeline: Pipeline) {
  const figures = [];
  for (const place of DAYS) {
    for (const { metric: name } of AGGREGATES) {
      const times: number[] = [];
      const unchanged: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const id = await ingest(pipeline, place, 1);
        await new Promise((resolve) => setTimeout(resolve, 2));
        const body = { event_ids: [id], metrics: [name] };
        for (const list of [times, unchanged]) {
          await pipeline.replay(body, requester);
          const { ms, value } = await timed(() => pipeline.work());
          if (value !== 'DONE') throw new Error(`the message ended as ${value}`);
          list.push(ms);
        }
      }
      figures.push({
        inputs: place.inputs,
        metric: name,
        ms: rounded(median(times)),
        unchanged_ms: rounded(median(unchanged)),
      });
      console.error(JSON.stringify(figures.at(-1)));
    }
  }
  return figures;
}

const range = { start_time: `${BIG.day}T00:00:00Z`, end_time: '2025-12-29T00:00:00Z' };

/** Into the queue, through the app, in the SDK's own parts. */
async function replayFigures(ask: Investigator, backend: LocalBackend) {
  const bySource: number[] = [];
  const byEntity: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [list, selection] of [
      [bySource, { source: 'checkout' }],
      [byEntity, { entity_id: BIG.entity }],
    ] as const) {
      const { ms, value } = await timed(() => ask.replay({ ...range, ...selection }).result());
      if (value.sent < BIG.inputs) throw new Error(`only ${value.sent} were sent`);
      list.push(ms);
      await emptyQueue(backend);
    }
  }
  return { by_source_ms: rounded(median(bySource)), by_entity_ms: rounded(median(byEntity)) };
}

async function emptyQueue({ queue }: LocalBackend): Promise<void> {
  for (;;) {
    const taken = await queue.receive({ max: 1_000, visibilityMs: 60_000 });
    if (taken.length === 0) return;
    await Promise.all(taken.map(({ receipt }) => queue.delete(receipt)));
  }
}

/** Each round: a dry run, then the same replay without its sends, then the windows that it named. */
async function planFigures(ask: Investigator, backend: LocalBackend) {
  const silent: LocalBackend = {
    ...backend,
    queue: { ...backend.queue, send: async () => {} },
    replays: { ...backend.replays, addWindows: async () => {} },
  };
  const walking = createInvestigator({ url: 'http://pik.bench', fetch: appOver(createPipeline({ backend: silent })) });
  const processing = createPipeline({ backend });
  const rounds: Record<'dry' | 'walk' | 'compute' | 'again', number>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await ingest(processing, BIG, 1);
    await new Promise((resolve) => setTimeout(resolve, 2));
    const selection = { ...range, source: 'checkout', metrics: [dailyEventCount.metric] };
    const dry = await timed(() => ask.planReplay(selection));
    const walk = await timed(() => walking.replay(selection).result());
    await processing.replay({ ...selection, limit: 1 }, requester);
    const compute = await timed(() => processing.work());
    const again = await timed(() => ask.planReplay(selection));
    await emptyQueue(backend);
    rounds.push({ dry: dry.ms, walk: walk.ms, compute: compute.ms, again: again.ms });
  }
  const of = (value: (round: (typeof rounds)[number]) => number) => Number(median(rounds.map(value)).toFixed(2));
  return {
    dry_run_ms: rounded(of(({ dry }) => dry)),
    dry_run_unchanged_ms: rounded(of(({ again }) => again)),
    walk_ms: rounded(of(({ walk }) => walk)),
    walk_and_compute_ms: rounded(of(({ walk, compute }) => walk + compute)),
    of_walk: of(({ dry, walk }) => dry / walk),
    of_walk_and_compute: of(({ dry, walk, compute }) => dry / (walk + compute)),
    unchanged_of_walk: of(({ again, walk }) => again / walk),
  };
}

function appOver(pipeline: Pipeline) {
  const { fetch } = createApp({ pipeline, telemetry: silentTelemetry });
  return (request: Request) => fetch(request);
}

const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
const backend = await openLocalBackend({ dir });
const pipeline = createPipeline({ backend, aggregates: AGGREGATES });
const filling = createPipeline({ backend });
for (const place of DAYS) await ingest(filling, place, place.inputs);
globalThis.gc?.();
const ask = createInvestigator({ url: 'http://pik.bench', fetch: appOver(createPipeline({ backend })) });
const rssBefore = process.memoryUsage().rss;
const delay = monitorEventLoopDelay({ resolution: 5 });
let rssMax = rssBefore;
const sampler = setInterval(() => {
  rssMax = Math.max(rssMax, process.memoryUsage().rss);
}, 20);
delay.enable();
const windows = await windowFigures(pipeline);
const replay = await replayFigures(ask, backend);
const plan = await planFigures(ask, backend);
delay.disable();
clearInterval(sampler);
await backend.close();
rmSync(dir, { recursive: true });
const result = {
  node: process.version,
  rounds: ROUNDS,
  windows,
  replay,
  plan,
  rss_mb: { before: rounded(rssBefore / 2 ** 20), largest: rounded(rssMax / 2 ** 20) },
  event_loop_delay_ms: { p99: rounded(delay.percentile(99) / 1e6), longest: rounded(delay.max / 1e6) },
};
writeFileSync(join(import.meta.dirname, '../results/replay.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
