// Ingest while a question runs, with the thread of ingest answering it (`--readers 0`) and with a thread of its own (`--readers 1`):
// two servers over the same events, in turn, in one run. Load comes at fixed times, so that a request that waits does not delay
// the next. Writes results/readers.json. node benchmarks/src/readers.ts [--events 1000000] [--rounds 5] [--seconds 6]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { type ServedKit, serveKit } from './served-kit.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '6' },
  },
});
const EVENTS = Number(values.events);
const ROUNDS = Number(values.rounds);
const PHASE_MS = Number(values.seconds) * 1_000;
const DAYS = 30;
const START = Date.UTC(2026, 8, 1);
const PER_REQUEST = 500;
/** Events of a paced batch, and requests per second of each kind. */
const PER_BATCH = 100;
const PACE = { batch: 20, single: 50, healthz: 20 } as const;
type Kind = keyof typeof PACE;

const RANGE = `start_time=${new Date(START).toISOString()}&end_time=${new Date(START + DAYS * 86_400_000).toISOString()}&include_imported=true`;
/** Questions that run meanwhile, over and over; null: none. */
const QUESTIONS = {
  idle: null,
  lag: `/reports/lag?${RANGE}`,
  gaps: `/reports/gaps?${RANGE}`,
  verify: '/verify',
} as const;
type Phase = keyof typeof QUESTIONS;

const agent = new Agent({ keepAlive: true });
const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
let sent = 0;

/** The n-th stored event: 160 series, spread evenly over the days. */
function stored(n: number): string {
  const at = START + Math.floor(((n - (n % PER_REQUEST)) * DAYS * 86_400_000) / EVENTS);
  return JSON.stringify({
    source: `source_${n % 16}`,
    event_type: `type_${n % 10}`,
    entity_id: `user_${(n * 7_919) % 100_000}`,
    event_time: new Date(at - ((n * 7_919) % 3_600_000)).toISOString(),
    received_at: new Date(at).toISOString(),
    payload: { n },
  });
}

function fresh(): string {
  sent += 1;
  const event_time = new Date().toISOString();
  return JSON.stringify({
    source: 'live',
    event_type: 'sent',
    entity_id: `e${sent % 1_000}`,
    event_time,
    payload: { sent },
  });
}

function call(kit: ServedKit, path: string, body?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/x-ndjson' };
    const options = { method: body === undefined ? 'GET' : 'POST', agent, headers };
    const asked = request(kit.url + path, options, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function expectOk(answer: Promise<{ status: number; text: string }>): Promise<string> {
  const { status, text } = await answer;
  if (status !== 200) throw new Error(text);
  return text;
}

async function load(kit: ServedKit): Promise<void> {
  for (let n = 0; n < EVENTS; n += PER_REQUEST * 4) {
    const parts = [0, 1, 2, 3].map((part) => {
      const from = n + part * PER_REQUEST;
      return Array.from({ length: Math.max(0, Math.min(PER_REQUEST, EVENTS - from)) }, (_, i) => stored(from + i));
    });
    await Promise.all(
      parts.filter((lines) => lines.length > 0).map((lines) => expectOk(call(kit, '/import', lines.join('\n')))),
    );
  }
}

const SENDS: { readonly [K in Kind]: (kit: ServedKit) => Promise<string> } = {
  batch: (kit) => expectOk(call(kit, '/ingest', Array.from({ length: PER_BATCH }, fresh).join('\n'))),
  single: (kit) => expectOk(call(kit, '/ingest', fresh())),
  healthz: (kit) => expectOk(call(kit, '/healthz')),
};

/** Sends requests of one kind at fixed times; returns how long each took from the time when it was due. */
async function paced(kit: ServedKit, kind: Kind, endMs: number): Promise<number[]> {
  const took: Promise<number>[] = [];
  const startMs = performance.now();
  for (let dueMs = startMs; dueMs < endMs; dueMs += 1_000 / PACE[kind]) {
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    took.push(SENDS[kind](kit).then(() => performance.now() - dueMs));
  }
  return Promise.all(took);
}

/** Asks a question over and over, and its pages one after another; returns how many answers there were. */
async function asked(kit: ServedKit, path: string | null, endMs: number): Promise<number> {
  let answers = 0;
  for (let cursor: string | null = null; path !== null && performance.now() < endMs; answers++) {
    const page: string = cursor === null ? '' : `${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`;
    const text = await expectOk(call(kit, path + page));
    cursor = path === '/verify' ? (/"next_cursor":"([^"]+)"/.exec(text)?.[1] ?? null) : null;
  }
  return answers;
}

interface Row {
  readonly round: number;
  readonly readers: number;
  readonly phase: Phase;
  readonly answers: number;
  readonly ms: Record<Kind, { p50: number; p99: number; max: number }>;
  readonly rss_mb: number;
}

const at = (sorted: readonly number[], share: number) =>
  Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1));

async function measure(kit: ServedKit, about: { round: number; readers: number; phase: Phase }): Promise<Row> {
  const endMs = performance.now() + PHASE_MS;
  const kinds = Object.keys(PACE) as Kind[];
  const [answers, ...took] = await Promise.all([
    asked(kit, QUESTIONS[about.phase], endMs),
    ...kinds.map((kind) => paced(kit, kind, endMs)),
  ]);
  const ms = Object.fromEntries(
    kinds.map((kind, i) => {
      const sorted = (took[i] ?? []).toSorted((a, b) => a - b);
      return [kind, { p50: at(sorted, 0.5), p99: at(sorted, 0.99), max: at(sorted, 1) }];
    }),
  ) as Row['ms'];
  return { ...about, answers, ms, rss_mb: Math.round(kit.rssMb()) };
}

const median = (numbers: readonly number[]) =>
  Number((numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0).toFixed(2));

/** For each way and question: times during the question, and over those idle in the same round; medians of the rounds. */
function summary(rows: readonly Row[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const readers of [0, 1])
    for (const phase of Object.keys(QUESTIONS) as Phase[]) {
      const mine = rows.filter((row) => row.readers === readers && row.phase === phase);
      const idle = rows.filter((row) => row.readers === readers && row.phase === 'idle');
      found[`readers ${readers}, ${phase}`] = {
        answers_per_s: median(mine.map(({ answers }) => answers / (PHASE_MS / 1_000))),
        rss_mb_max: Math.max(...mine.map(({ rss_mb }) => rss_mb)),
        ...Object.fromEntries(
          (Object.keys(PACE) as Kind[]).flatMap((kind) =>
            (['p50', 'p99'] as const).flatMap((share) => [
              [`${kind}_${share}_ms`, median(mine.map(({ ms }) => ms[kind][share]))],
              [
                `${kind}_${share}_of_idle`,
                median(mine.map(({ ms }, i) => ms[kind][share] / (idle[i]?.ms[kind][share] ?? 1))),
              ],
            ]),
          ),
        ),
      };
    }
  return found;
}

const kits: { readers: number; kit: ServedKit }[] = [];
for (const readers of [0, 1]) {
  const kit = await serveKit(join(dir, String(readers)), ['--readers', String(readers)]);
  kits.push({ readers, kit });
  await load(kit);
  console.error(`loaded ${EVENTS} events, ${readers} readers`);
}
const rows: Row[] = [];
for (let round = 0; round < ROUNDS; round++)
  for (const phase of Object.keys(QUESTIONS) as Phase[])
    for (const { readers, kit } of kits) {
      rows.push(await measure(kit, { round, readers, phase }));
      console.error(JSON.stringify(rows.at(-1)));
    }
for (const { kit } of kits) await kit.stop();
rmSync(dir, { recursive: true });

const setup = {
  node: process.version,
  events: EVENTS,
  rounds: ROUNDS,
  phase_s: PHASE_MS / 1_000,
  per_s: PACE,
  per_batch: PER_BATCH,
};
const result = { ...setup, summary: summary(rows), rows };
writeFileSync(join(import.meta.dirname, '../results/readers.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result.summary, null, 2));
