// The index by event id inside the local backend: event rows admitted without HTTP, parsing or a raw log, then looked up,
// repeated and listed. `--against DIR` measures the engine of another checkout in turn with this one, `--rounds` times each,
// and writes results/key-index.json; without it, one measurement is printed. `--events` sets the number of events.
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import type { Backend, EventRow, RequestRows } from '@pik/engine';
import { encodeBase32Hex, writePositionTime } from '@pik/schema';

const { values } = parseArgs({
  options: {
    of: { type: 'string', default: join(import.meta.dirname, '../..') },
    against: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    events: { type: 'string', default: '2000000' },
  },
});
if (values.against !== undefined) {
  inTurn(values.against);
  process.exit();
}
const engine = resolve(values.of, 'packages/engine/src/local.ts');
const { openLocalBackend } = (await import(engine)) as typeof import('@pik/engine/local');

const EVENTS = Number(values.events);
const PER_COMMIT = 1_500;
const ENTITIES = 100_000;
const START_MS = Date.UTC(2026, 0, 1);
const NOTHING: RequestRows = { deliveries: [], failures: [], slices: [], sequences: [], pack: null };
const BUSY = entityId(ENTITIES);

function entityId(entity: number): Buffer {
  return createHash('sha256').update(`user_${entity}`).digest().subarray(0, 8);
}

/** An id as the kit makes it: hash of the entity, event time, digest. The same for the same event on each call. */
function idOf(n: number, entity: Buffer): Buffer {
  const id = Buffer.concat([
    entity,
    Buffer.alloc(9),
    createHash('sha256').update(`event_${n}`).digest().subarray(0, 12),
  ]);
  writePositionTime(id, { epoch_ms: START_MS + n * 10, sub_ms_ns: 0 });
  return id;
}

const packIds = Array.from({ length: 1_000 }, () => {
  const hex = randomBytes(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
});
const hashes = Array.from({ length: 1_000 }, () => randomBytes(32).toString('hex'));

function makeRow(n: number, entity = (n * 7919) % ENTITIES): EventRow {
  const event_id = encodeBase32Hex(idOf(n, entity === ENTITIES ? BUSY : entityId(entity)));
  const event_ms = START_MS + n * 10;
  const common = { idempotency_key: null, producer_id: null, producer_seq: null, sent_ms: null, rank: null };
  const standing = { flags: 0, expires_ms: Number.POSITIVE_INFINITY, live: true, answered: 'ACCEPTED' } as const;
  return {
    ...{
      event_id,
      position: event_id,
      rule: 'content',
      source: 'checkout',
      event_type: 'seen',
      ...common,
      ...standing,
    },
    ...{ entity_id: `user_${entity}`, event_ms, event_sub_ns: 0, received_ms: event_ms + 500, line: n % 500 },
    ...{
      pack_id: packIds[Math.floor(n / 500) % packIds.length] as string,
      payload_hash: hashes[n % hashes.length] as string,
    },
  };
}

const round = (value: number) => Number(value.toFixed(2));
const quantile = (times: number[], q: number) =>
  round(times.toSorted((a, b) => a - b)[Math.floor(q * times.length)] ?? 0);

/** Microseconds per event over all commits, and the longest commit in milliseconds. */
async function admit({ index }: Backend, numbers: Iterable<number>): Promise<{ us: number; longestMs: number }> {
  let [busy, longest, count] = [0, 0, 0];
  let rows: EventRow[] = [];
  const flush = async () => {
    const started = performance.now();
    await index.admit(rows, () => NOTHING);
    const took = performance.now() - started;
    busy += took;
    longest = Math.max(longest, took);
    count += rows.length;
    rows = [];
  };
  for (const n of numbers) {
    rows.push(makeRow(n));
    if (rows.length === PER_COMMIT) await flush();
  }
  if (rows.length > 0) await flush();
  return { us: round((busy * 1000) / count), longestMs: round(longest) };
}

function* range(from: number, to: number): Iterable<number> {
  for (let n = from; n < to; n++) yield n;
}

function bytesOf(path: string): number {
  if (!existsSync(path)) return 0;
  if (!statSync(path).isDirectory()) return statSync(path).size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}

const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
let backend: Backend = await openLocalBackend({ dir });
const admitted: Record<string, unknown>[] = [];
const STEP = EVENTS / 4;
for (let from = 0; from < EVENTS; from += STEP) {
  const before = process.cpuUsage();
  const { us, longestMs } = await admit(backend, range(from, from + STEP));
  // With what makes the rows, which is the same for every engine.
  const { user, system } = process.cpuUsage(before);
  const cpu = { cpu_us_per_event: round((user + system) / STEP) };
  admitted.push({ from, us_per_event: us, ...cpu, longest_commit_ms: longestMs });
}
const spread = Array.from({ length: 20_000 }, (_, i) => (i * 104_729) % EVENTS);
const repeated = await admit(backend, spread);
await backend.index.admit(
  Array.from({ length: 1_000 }, (_, i) => makeRow(EVENTS + i, ENTITIES)),
  () => NOTHING,
);
const found: number[] = [];
for (const n of spread.slice(0, 5_000)) {
  const { event_id } = makeRow(n);
  const started = performance.now();
  const row = await backend.index.getEvent(event_id);
  found.push((performance.now() - started) * 1000);
  if (row === null) throw new Error('an event is not found');
}
const pages: number[] = [];
const bound = (last: number) => encodeBase32Hex(Buffer.concat([BUSY, Buffer.alloc(21, last)]));
for (let i = 0; i < 200; i++) {
  const started = performance.now();
  const { items } = await backend.index.listTimeline({
    ...{ from: bound(0), to: bound(0xff), limit: 500, asOfMs: Number.MAX_SAFE_INTEGER, cursor: null },
  });
  pages.push(performance.now() - started);
  if (items.length !== 500) throw new Error('not a page of 500');
}
await backend.close();
const closedBytes = bytesOf(join(dir, 'index.db')) + bytesOf(join(dir, 'index.keys'));
const started = performance.now();
backend = await openLocalBackend({ dir });
const openMs = performance.now() - started;
await backend.close();
const result = {
  node: process.version,
  events: EVENTS,
  per_commit: PER_COMMIT,
  admitted,
  repeated: { us_per_event: repeated.us },
  get_event_us: { median: quantile(found, 0.5), p99: quantile(found, 0.99) },
  timeline_500_ms: { median: quantile(pages, 0.5), p99: quantile(pages, 0.99) },
  bytes_per_event: round(closedBytes / EVENTS),
  keys_bytes_per_event: round(bytesOf(join(dir, 'index.keys')) / EVENTS),
  open_ms: round(openMs),
  rss_mb: Math.round(process.memoryUsage().rss / 2 ** 20),
};
rmSync(dir, { recursive: true });
console.log(JSON.stringify(result, null, 2));

/** Measures this checkout and another one in turn, in processes of their own. */
function inTurn(other: string): void {
  const measure = (of: string) => {
    const args = [import.meta.filename, '--of', of, '--events', values.events];
    return JSON.parse(spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1e8 }).stdout) as object;
  };
  const rounds = Array.from({ length: Number(values.rounds) }, () => ({
    before: measure(other),
    now: measure(values.of),
  }));
  writeFileSync(join(import.meta.dirname, '../results/key-index.json'), `${JSON.stringify(rounds, null, 2)}\n`);
  console.log(JSON.stringify(rounds, null, 2));
}
