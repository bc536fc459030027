// The cost of listeners to ingest: the same requests without listeners and with many, each with an expression of its own.
// node benchmarks/src/tail.ts [LISTENERS] [EVENTS] writes results/tail.json.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { makeBodies } from './rows.ts';
import { serveKit } from './served-kit.ts';

const [listeners = 200, events = 200_000] = process.argv.slice(2).map(Number);
const PER_REQUEST = 500;
const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
const kit = await serveKit(dir);
let sent = 0;

/** Events per second, and CPU time of the server per event, over all events sent now. */
async function ingest(): Promise<{ per_second: number; cpu_us_per_event: number }> {
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
const stop = new AbortController();

/** Follows one order in a thousand. */
async function listen(n: number): Promise<void> {
  const where = `payload.order_id.startsWith("o-") and entity_id = user_${n * 100}`;
  const url = `${kit.url}/events/stream?where=${encodeURIComponent(where)}`;
  const response = await fetch(url, { headers: { accept: 'text/event-stream' }, signal: stop.signal });
  if (response.status !== 200 || response.body === null) throw new Error(await response.text());
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream()))
    matches += chunk.split('\ndata: ').length - 1;
}

function unlessStopped(error: unknown): void {
  if (!stop.signal.aborted) throw error;
}

await ingest();
const alone = await ingest();
const following = Array.from({ length: listeners }, (_, n) => listen(n).catch(unlessStopped));
const followed = await ingest();
const memory_mb = Math.round(kit.rssMb());
stop.abort();
await Promise.all(following);
await kit.stop();
rmSync(dir, { recursive: true });
const result = { node: process.version, listeners, events, alone, followed, matches, memory_mb };
writeFileSync(join(import.meta.dirname, '../results/tail.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
