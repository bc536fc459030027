// Memory of lag and duplicates over 10 k, 100 k, 1 M and 5 M first arrivals (lag) or repeats of as many different
// events (duplicates), each of its own entity. The index generates its slices on read, so the measurement covers the
// report: `held_mb` is the peak above the memory before the question, `seconds` excludes generating slices, `walks`
// counts the passes over all of them. Requests of one event are the worst case: nothing can be merged. Writes
// results/report-memory.json.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page, SliceRow } from '@pik/engine';
import { createPipeline } from '@pik/engine';
import { addTo, createHistogram, encodeEntries, encodeHistogram, type SliceEntry } from '@pik/engine/internals';
import { openLocalBackend } from '@pik/engine/local';
import { encodeBase32Hex } from '@pik/schema';

const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 8, 1);
const CASES = [
  { report: 'lag', perRequest: 500 },
  { report: 'lag', perRequest: 1 },
  { report: 'duplicates', perRequest: 500 },
] as const;
const SIZES = [10_000, 100_000, 1_000_000, 5_000_000];
/** A report reads this many slices, and a request of one event is a slice. */
const SLICES_MAX = 2_000_000;

interface Case {
  readonly report: 'lag' | 'duplicates';
  readonly perRequest: number;
  readonly size: number;
}

/** The n-th receipt: spread over 30 days of receipt, up to two days late. */
function entryOf(n: number, { report, perRequest, size }: Case): SliceEntry {
  const received_ms = START + Math.floor(((n - (n % perRequest)) * 30 * DAY_MS) / size);
  const id = createHash('sha256').update(`${n}`).digest();
  return {
    event_id: encodeBase32Hex(id.subarray(0, 29)),
    outcome: report === 'lag' ? 'ACCEPTED' : 'DUPLICATE',
    event_ms: received_ms - ((n * 7_919) % (2 * DAY_MS)),
    event_sub_ns: 0,
    received_ms,
    payload_hash: '0'.repeat(64),
    line: 0,
    sent_ms: null,
    first_received_ms: report === 'lag' ? null : received_ms - 1_000,
  };
}

function sliceOf(from: number, asked: Case): SliceRow {
  const entries = Array.from({ length: asked.perRequest }, (_, i) => ({ ...entryOf(from + i, asked), line: i }));
  const received = entries.map(({ received_ms }) => received_ms);
  const lag = createHistogram();
  if (asked.report === 'lag') for (const { received_ms, event_ms } of entries) addTo(lag, received_ms - event_ms);
  return {
    pack_id: '01890a5d-ac96-774b-bcce-b302099a8057',
    source: 'source',
    event_type: `type_${from % 4}`,
    event_day: Math.floor((entries[0]?.event_ms ?? 0) / DAY_MS),
    received_min_ms: Math.min(...received),
    received_max_ms: Math.max(...received),
    imported: false,
    accepted: asked.report === 'lag' ? entries.length : 0,
    duplicates: asked.report === 'lag' ? 0 : entries.length,
    conflicts: 0,
    lag: encodeHistogram(lag),
    delay: encodeHistogram(createHistogram()),
    entries: encodeEntries(entries),
    expires_ms: Number.MAX_SAFE_INTEGER,
  };
}

/** Large slices are generated once, before the measurement; small ones on each read. */
const made = new Map<number, SliceRow>();

function makeAll(asked: Case): void {
  for (let n = 0; asked.perRequest > 1 && n < asked.size; n += asked.perRequest) made.set(n, sliceOf(n, asked));
}

function page(cursor: string | null | undefined, asked: Case): Page<SliceRow> {
  const from = Number(cursor ?? 0);
  const to = Math.min(asked.size, from + 2_000);
  const items: SliceRow[] = [];
  for (let n = from; n < to; n += asked.perRequest) items.push(made.get(n) ?? sliceOf(n, asked));
  return { items, next: to < asked.size ? `${to}` : null };
}

/** Live bytes, after a garbage collection. */
function held(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Pages between two memory samples. */
const PAGES_PER_LOOK = 100;

/** Asks once, in a new process. */
async function measure(asked: Case): Promise<object> {
  const dir = mkdtempSync(join(tmpdir(), 'pik-memory-'));
  const local = await openLocalBackend({ dir });
  let [pages, walks, most, lookingMs] = [0, 0, 0, 0];
  const listSlices = async ({ cursor }: { cursor?: string | null }) => {
    const began = performance.now();
    if (cursor == null) walks += 1;
    if (pages++ % PAGES_PER_LOOK === 0) most = Math.max(most, held());
    const slices = page(cursor, asked);
    lookingMs += performance.now() - began;
    return slices;
  };
  const pipeline = createPipeline({ backend: { ...local, index: { ...local.index, listSlices } } });
  makeAll(asked);
  const before = held();
  const started = performance.now();
  const answer = await pipeline.ask(asked.report, { limit: 100 });
  const seconds = (performance.now() - started - lookingMs) / 1_000;
  await pipeline.close();
  rmSync(dir, { recursive: true });
  if (answer.partial) throw new Error(answer.notes.join());
  return { ...asked, held_mb: Math.round((most - before) / 1e6), walks, seconds: Number(seconds.toFixed(2)) };
}

const [, , report, perRequest, size] = process.argv;
if (report !== undefined) {
  const asked = { report, perRequest: Number(perRequest), size: Number(size) } as Case;
  console.log(JSON.stringify(await measure(asked)));
} else {
  const rows = CASES.flatMap((one) =>
    SIZES.map((most) => {
      const items = Math.min(most, SLICES_MAX * one.perRequest);
      const args = ['--expose-gc', import.meta.filename, one.report, `${one.perRequest}`, `${items}`];
      const text = execFileSync(process.execPath, args, { encoding: 'utf8' });
      process.stdout.write(text);
      return JSON.parse(text) as object;
    }),
  );
  const file = join(import.meta.dirname, '../results/report-memory.json');
  writeFileSync(file, `${JSON.stringify({ node: process.version, rows }, null, 2)}\n`);
}
