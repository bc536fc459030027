// A page of 500 events of one entity, over HTTP, on an index of one million events. Writes results/timeline.json.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { makeBodies } from './rows.ts';
import { serveKit } from './served-kit.ts';

const BASE = 1_000_000;
const PAGES = 200;

const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
const kit = await serveKit(dir);
const post = async (body: Buffer) => {
  const headers = { 'content-type': 'application/x-ndjson' };
  const response = await fetch(`${kit.url}/ingest`, { method: 'POST', headers, body: new Uint8Array(body) });
  if (response.status !== 200) throw new Error(await response.text());
  await response.arrayBuffer();
};
for (let n = 0; n < BASE; n += 8_000) await Promise.all(makeBodies(n, Math.min(8_000, BASE - n), 500).map(post));

/** One entity that has a thousand events among all the others. */
const busy = Array.from({ length: 1_000 }, (_, i) => {
  const event_time = new Date(Date.UTC(2025, 0, 1) + i * 60_000).toISOString();
  return JSON.stringify({ source: 'checkout', event_type: 'seen', entity_id: 'busy', event_time, payload: { i } });
});
await post(Buffer.from(busy.join('\n')));
const times: number[] = [];
for (let i = 0; i < PAGES; i++) {
  const started = performance.now();
  const response = await fetch(`${kit.url}/timeline?entity_id=busy&limit=500`);
  const text = await response.text();
  times.push(performance.now() - started);
  if ((JSON.parse(text) as { events: unknown[] }).events.length !== 500) throw new Error('not a page of 500');
}
await kit.stop();
rmSync(dir, { recursive: true });

const sorted = times.toSorted((a, b) => a - b);
const at = (q: number) => Number((sorted[Math.floor(q * PAGES)] ?? 0).toFixed(1));
const result = { node: process.version, base: BASE, pages: PAGES, median_ms: at(0.5), p90_ms: at(0.9), min_ms: at(0) };
writeFileSync(join(import.meta.dirname, '../results/timeline.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result));
