// Ingest over HTTP into a server with an index of one million events, alternating with bare SQLite in the same run.
// Writes results/ingest.json, from which `readme.ts` writes the figures of the README. node benchmarks/src/ingest.ts
// [--base 1000000] [--more 1000000]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { makeBodies } from './rows.ts';
import { type ServedKit, serveKit } from './served-kit.ts';

const { values } = parseArgs({
  options: { base: { type: 'string', default: '1000000' }, more: { type: 'string', default: '1000000' } },
});
const base = Number(values.base);
const more = Number(values.more);
const PER_REQUEST = 500;
const IN_FLIGHT = 16;
const PARTS = 10;
/** Rows per commit of the kit with sixteen waiting requests: three requests share a commit. */
const ROWS_PER_COMMIT = 1_500;

const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
const kit = await serveKit(join(dir, 'kit'));
const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const parts: { events: number; events_per_s: number; rss_mb: number; bare_rows_per_s: number }[] = [];
let rssMax = 0;

console.error(`filling the index with ${base} events …`);
for (let n = 0; n < base; n += 50_000) await send(kit, makeBodies(n, 50_000, PER_REQUEST));
bare(0, base);
rssMax = 0;
for (let part = 0; part < PARTS; part++) {
  const events = more / PARTS;
  const from = base + part * events;
  const bodies = makeBodies(from, events, PER_REQUEST);
  const started = performance.now();
  await send(kit, bodies);
  const events_per_s = Math.round(events / ((performance.now() - started) / 1000));
  const bare_rows_per_s = bare(from, events);
  parts.push({ events, events_per_s, rss_mb: Math.round(rssMax), bare_rows_per_s });
  console.error(JSON.stringify(parts.at(-1)));
}
const timeline_ms = await timeTimeline(kit);
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

/** Sends bodies with sixteen requests in flight; fails unless every event is ACCEPTED. */
async function send(to: ServedKit, bodies: readonly Buffer[]): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < bodies.length; i = next++) {
      const answer = await post(`${to.url}/ingest`, bodies[i] as Buffer);
      if (!answer.endsWith(`"counts":{"ACCEPTED":${PER_REQUEST}}}`)) throw new Error(answer.slice(-300));
      rssMax = Math.max(rssMax, to.rssMb());
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

function post(url: string, body: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.length };
    const call = request(url, { method: 'POST', agent, headers }, (response) => collect(response, resolve));
    call.on('error', reject);
    call.end(body);
  });
}

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent }, (response) => collect(response, resolve));
    call.on('error', reject);
    call.end();
  });
}

function collect(response: IncomingMessage, resolve: (text: string) => void): void {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('end', () => resolve(Buffer.concat(chunks).toString()));
}

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
async function timeTimeline(to: ServedKit): Promise<number[]> {
  const one = (i: number) =>
    `{"source":"checkout","event_type":"seen","entity_id":"busy","event_time":"${new Date(Date.UTC(2025, 0, 1) + i * 60_000).toISOString()}","payload":{"i":${i}}}`;
  await post(`${to.url}/ingest`, Buffer.from(Array.from({ length: 1_000 }, (_, i) => one(i)).join('\n')));
  const times: number[] = [];
  for (let i = 0; i < 50; i++) {
    const started = performance.now();
    const text = await get(`${to.url}/timeline?entity_id=busy&limit=500`);
    times.push(performance.now() - started);
    if ((JSON.parse(text) as { events: unknown[] }).events.length !== 500) throw new Error('not a page of 500');
  }
  return times;
}
