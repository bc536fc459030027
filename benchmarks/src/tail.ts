// The cost of listeners to ingest: the same requests without listeners, with many that each follow an entity of their own, and with
// many that follow the same one.
// node benchmarks/src/tail.ts [LISTENERS] [EVENTS] writes results/tail.json.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';

import { makeBodies } from './rows.ts';
import { serveKit } from './served-kit.ts';

const [listeners = 200, events = 200_000] = process.argv.slice(2).map(Number);
const PER_REQUEST = 500;
const ROUNDS = 5;
const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
const kit = await serveKit(dir);
let sent = 0;

interface Figures {
  readonly per_second: number;
  /** CPU time of the server. */
  readonly cpu_us_per_event: number;
}

/** The figures of all events sent now. */
async function ingest(): Promise<Figures> {
  const bodies = makeBodies(sent, events, PER_REQUEST);
  sent += events;
  const [startedMs, cpuMs] = [performance.now(), kit.cpuMs()];
  for (let at = 0; at < bodies.length; at += 4)
    await Promise.all(
      bodies.slice(at, at + 4).map(async (body) => {
        const headers = { 'content-type': 'application/x-ndjson' };
        const response = await fetch(`${kit.url}/ingest`, { method: 'POST', headers, body: new Uint8Array(body) });
        if (response.status !== 200) throw new Error(await response.text());
        await response.arrayBuffer();
      }),
    );
  const seconds = (performance.now() - startedMs) / 1_000;
  return {
    per_second: Math.round(events / seconds),
    cpu_us_per_event: Math.round(((kit.cpuMs() - cpuMs) * 10_000) / events) / 10,
  };
}

let matches = 0;

/** Expressions of the listeners. */
const FILTERS = {
  own: (n: number) => `payload.order_id.startsWith("o-") and entity_id = user_${n * 100}`,
  same: () => 'payload.order_id.startsWith("o-") and entity_id = user_700',
} as const;

/** Opens a stream. The answer begins when the listener is there. */
async function open(where: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const url = `${kit.url}/events/stream?where=${encodeURIComponent(where)}`;
  const response = await fetch(url, { headers: { accept: 'text/event-stream' }, signal });
  if (response.status !== 200 || response.body === null) throw new Error(await response.text());
  return response.body;
}

async function read(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) matches += chunk.split('\ndata: ').length - 1;
}

/** Ingest while listeners follow it. Opening and closing their connections does not count. */
async function followed(whereOf: (n: number) => string): Promise<Figures> {
  const stop = new AbortController();
  const unlessStopped = (error: unknown) => {
    if (!stop.signal.aborted) throw error;
  };
  const bodies = await Promise.all(Array.from({ length: listeners }, (_, n) => open(whereOf(n), stop.signal)));
  const following = bodies.map((body) => read(body).catch(unlessStopped));
  const figures = await ingest();
  stop.abort();
  await Promise.all(following);
  return figures;
}

/** The median of one figure of several runs. */
function medianOf(runs: readonly Figures[], name: keyof Figures): number {
  return runs.map((one) => one[name]).sort((a, b) => a - b)[runs.length >> 1] ?? Number.NaN;
}

const medians = (runs: readonly Figures[]) => ({
  per_second: medianOf(runs, 'per_second'),
  cpu_us_per_event: medianOf(runs, 'cpu_us_per_event'),
});

await ingest();
// Interleaved, so that a machine that changes its speed changes all of them.
const runs: Record<'alone' | keyof typeof FILTERS, Figures[]> = { alone: [], own: [], same: [] };
for (let n = 0; n < ROUNDS; n++) {
  runs.alone.push(await ingest());
  runs.own.push(await followed(FILTERS.own));
  runs.same.push(await followed(FILTERS.same));
}
const memory_mb = Math.round(kit.rssMb());
await kit.stop();
rmSync(dir, { recursive: true });
const [alone, own, same] = [medians(runs.alone), medians(runs.own), medians(runs.same)];
// Far above the number of cores, only the ratios count.
const load = Math.round(loadavg()[0] ?? 0);
const given = { node: process.version, load, listeners, events, rounds: ROUNDS };
const result = { ...given, alone, own, same, matches, memory_mb };
writeFileSync(join(import.meta.dirname, '../results/tail.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
