// Ingest over HTTP into a server with an index of one million events, alternating with bare SQLite in the same run.
// Writes results/ingest.json, from which `readme.ts` writes the figures of the README. node benchmarks/src/ingest.ts
// [--base 1000000] [--more 1000000]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { createLoad, type Load, median } from './load.ts';
import { makeBodies } from './rows.ts';
import { serveKit } from './served-kit.ts';

const { values } = parseArgs({
  options: { base: { type: 'string', default: '1000000' }, more: { type: 'string', default: '1000000' } },
});
const base = Number(values.base);
const more = Number(values.more);
const PER_REQUEST = 500;
const IN_FLIGHT = 16;
const PARTS = 10;
/** Rows per commit of the kit with sixteen waiting requests: four requests share a pack. */
const ROWS_PER_COMMIT = 2_000;

const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
const kit = await serveKit(join(dir, 'kit'));
const load = createLoad(kit.url, { inFlight: IN_FLIGHT });
const noteMemory = () => {
  rssMax = Math.max(rssMax, kit.rssMb());
};
const parts: { events: number; events_per_s: number; rss_mb: number; bare_rows_per_s: number }[] = [];
let rssMax = 0;

console.error(`filling the index with ${base} events …`);
for (let n = 0; n < base; n += 50_000) await load.send(makeBodies(n, 50_000, PER_REQUEST), noteMemory);
bare(0, base);
rssMax = 0;
for (let part = 0; part < PARTS; part++) {
  const events = more / PARTS;
  const from = base + part * events;
  const bodies = makeBodies(from, events, PER_REQUEST);
  const started = performance.now();
  await load.send(bodies, noteMemory);
  const events_per_s = Math.round(events / ((performance.now() - started) / 1000));
  const bare_rows_per_s = bare(from, events);
  parts.push({ events, events_per_s, rss_mb: Math.round(rssMax), bare_rows_per_s });
  console.error(JSON.stringify(parts.at(-1)));
}
const timeline_ms = await timeTimeline(load);
await kit.stop();
rmSync(dir, { recursive: true });

const rates = parts.map(({ events_per_s }) => events_per_s);
const result = {
  node: process.version,
  base,
  more,
  events_per_s: median(rates),
  bare_rows_per_s: median(parts.map(({ bare_rows_per_s }) => bare_rows_per_s)),
  of_bare: Number(median(parts.map((part) => part.events_per_s / part.bare_rows_per_s)).toFixed(2)),
  last_tenth_of_first: Number(((rates.at(-1) ?? 0) / (rates[0] ?? 1)).toFixed(2)),
  rss_mb_max: Math.round(rssMax),
  timeline_500_ms_median: Number(median(timeline_ms).toFixed(1)),
  parts,
};
writeFileSync(join(import.meta.dirname, '../results/ingest.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));

function bare(from: number, count: number): number {
  const args = [
    join(import.meta.dirname, 'bare-sqlite.ts'),
    join(dir, 'bare.db'),
    String(from),
    String(count),
    String(ROWS_PER_COMMIT),
  ];
  const output = execFileSync(process.execPath, args, { encoding: 'utf8' });
  return (JSON.parse(output) as { rows_per_s: number }).rows_per_s;
}

/** A page of 500 events of an entity that has a thousand among all the others. */
async function timeTimeline(to: Load): Promise<number[]> {
  const one = (i: number) =>
    `{"source":"checkout","event_type":"seen","entity_id":"busy","event_time":"${new Date(Date.UTC(2025, 0, 1) + i * 60_000).toISOString()}","payload":{"i":${i}}}`;
  await to.post('/ingest', Buffer.from(Array.from({ length: 1_000 }, (_, i) => one(i)).join('\n')));
  const times: number[] = [];
  for (let i = 0; i < 50; i++) {
    const started = performance.now();
    const text = await to.get('/timeline?entity_id=busy&limit=500');
    times.push(performance.now() - started);
    if ((JSON.parse(text) as { events: unknown[] }).events.length !== 500) throw new Error('not a page of 500');
  }
  return times;
}
