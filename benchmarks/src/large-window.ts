// One window of millions of events of one source: appended as a version, computed and planned, in this process over files
// and SQLite. Prints seconds and peak memory. Run by hand, since sending the events takes minutes. A question may not read
// that much, so here it has no budget; a version never has one. node benchmarks/src/large-window.ts [--events 5000000]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { countOf, defineAggregate } from '@pik/aggregates';
import { createPipeline } from '@pik/engine';
import { openLocalBackend } from '@pik/engine/local';

const { values } = parseArgs({ options: { events: { type: 'string', default: '5000000' } } });
const EVENTS = Number(values.events);
const PER_REQUEST = 5_000;
const DAY = Date.UTC(2026, 0, 30);

const perSource = defineAggregate({
  metric: 'per_source',
  definition_version: 1,
  group_by: 'source',
  window: 'day',
  time_zone: 'UTC',
  reads_payload: false,
  ...countOf(),
});

const dir = mkdtempSync(join(tmpdir(), 'pik-large-window-'));
const [timeMs, bytesMax, readMax] = Array.from({ length: 3 }, () => Number.POSITIVE_INFINITY);
const questions = { timeMs, bytesMax, readMax };
const pipeline = createPipeline({ backend: await openLocalBackend({ dir }), aggregates: [perSource], questions });

let rss = 0;
const watch = setInterval(() => {
  rss = Math.max(rss, process.memoryUsage.rss());
}, 50);

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  rss = process.memoryUsage.rss();
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const value = await work();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  const memory = `${Math.round(rss / 1e6)} MB RSS at most`;
  console.log(
    `${name}: ${seconds(performance.now() - started)} (${seconds((user + system) / 1_000)} of CPU), ${memory}`,
  );
  return value;
}

/** Events of the whole day in mixed order, so that each request spans all of it. */
async function fill(): Promise<void> {
  for (let done = 0; done < EVENTS; done += PER_REQUEST) {
    const lines = Array.from({ length: Math.min(PER_REQUEST, EVENTS - done) }, (_, i) => {
      const n = done + i;
      const event_time = new Date(DAY + ((n * 7_919) % 86_400_000)).toISOString();
      return `{"source":"site","event_type":"hit","entity_id":"u${n % 997}","event_time":"${event_time}","payload":{"n":${n}}}`;
    });
    const body = new TextEncoder().encode(lines.join('\n'));
    const request = { format: 'ndjson', mode: 'live', requestId: 'bench', principal: null, dryRun: false } as const;
    await pipeline.ingest({ ...request, body, receivedMs: DAY + 86_400_000 });
  }
}

try {
  const window = { metric: 'per_source', key: 'site', window_start: '2026-01-30' };
  await timed(`${EVENTS} events in`, fill);
  const selection = { source: 'site', start_time: '2026-01-30T00:00:00Z', end_time: '2026-01-30T00:00:01Z' };
  await timed('version and manifest', async () => {
    await pipeline.replay(selection, { principal: null, requestId: 'bench' });
    while ((await pipeline.work()) === 'DONE');
  });
  const { versions } = await pipeline.versions({
    metric: 'per_source',
    key: 'site',
    window_start: null,
    limit: 1,
    cursor: null,
  });
  const [version] = versions;
  console.log(`version ${version?.version}: ${version?.value} of ${version?.input_count} inputs`);
  if (version?.value !== EVENTS || version.input_count !== EVENTS) throw new Error('the version lacks inputs');
  const { value } = await timed('computed', () => pipeline.computeAggregate({ ...window, asOfMs: null }));
  if (value !== EVENTS) throw new Error(`the value is ${value}`);
  await timed('dry run of one second of it', () => pipeline.planReplay({ ...selection, dry_run: true }));
} finally {
  clearInterval(watch);
  await pipeline.close();
  rmSync(dir, { recursive: true });
}
