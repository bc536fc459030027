// Searches of a log: a value that occurs once, a full scan of a payload path, a value in every thousandth event, and rejected
// receipts; first in an open hour, then after it was closed. node benchmarks/src/find.ts [EVENTS] [PER_REQUEST] writes
// results/find.json.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';

import { makeBodies } from './rows.ts';
import { serveKit } from './served-kit.ts';

const [events = 1_000_000, perRequest = 1_000] = process.argv.slice(2).map(Number);
const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
let kit = await serveKit(dir);

async function post(body: Buffer): Promise<void> {
  const headers = { 'content-type': 'application/x-ndjson' };
  const response = await fetch(`${kit.url}/ingest`, { method: 'POST', headers, body: new Uint8Array(body) });
  if (response.status !== 200) throw new Error(await response.text());
  await response.arrayBuffer();
}
for (let n = 0; n < events; n += perRequest * 4)
  await Promise.all(makeBodies(n, Math.min(perRequest * 4, events - n), perRequest).map(post));

interface Line {
  readonly end?: true;
  readonly scanned?: { readonly receipts: number };
  readonly next_cursor?: string | null;
}

/** Runs a search to its end, over all pages. */
async function search(where: string, expected: number) {
  const startedMs = performance.now();
  let [matches, pages, firstMs] = [0, 0, Number.NaN];
  let memoryMb = 0;
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ where, limit: '1000', ...(cursor === null ? {} : { cursor }) });
    const response = await fetch(`${kit.url}/search?${query}`, { headers: { accept: 'application/x-ndjson' } });
    if (response.status !== 200 || response.body === null) throw new Error(await response.text());
    cursor = null;
    pages += 1;
    let rest = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      memoryMb = Math.max(memoryMb, kit.rssMb());
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const value = JSON.parse(line) as Line;
        if (value.end === true) cursor = value.next_cursor ?? null;
        if (value.scanned !== undefined) continue;
        if (matches === 0) firstMs = performance.now() - startedMs;
        matches += 1;
      }
    }
  } while (cursor !== null);
  if (matches !== expected) throw new Error(`${where}: ${matches} matches, not ${expected}`);
  const round = (ms: number) => Math.round(ms);
  return {
    where,
    matches,
    pages,
    seconds: round(performance.now() - startedMs) / 1_000,
    first_match_ms: Number.isNaN(firstMs) ? null : round(firstMs),
    memory_mb: round(memoryMb),
  };
}

async function searches() {
  const idle_mb = Math.round(kit.rssMb());
  const middle = Math.floor(events / 2);
  return {
    idle_mb,
    results: [
      await search(`payload.order_id == "o-${middle}"`, 1),
      await search('payload.ok == false', 0),
      await search('payload.order_id.startsWith("x")', 0),
      await search('entity_id = user_7', Math.ceil(events / 100_000)),
      await search('outcome = REJECTED', 0),
      await search('payload.missing = 1', 0),
    ],
  };
}

const open = await searches();
await kit.stop();
const startedMs = performance.now();
execFileSync(process.execPath, ['packages/cli/dist/main.js', 'compact', '--all', '--data', dir]);
const closing_seconds = Math.round((performance.now() - startedMs) / 1_000);
kit = await serveKit(dir);
const closed = await searches();
await kit.stop();
rmSync(dir, { recursive: true });
const load = Math.round(loadavg()[0] ?? 0);
const given = { node: process.version, load, events, events_per_request: perRequest };
const result = { ...given, open, closing_seconds, closed };
writeFileSync(join(import.meta.dirname, '../results/find.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
