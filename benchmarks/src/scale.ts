// One machine with N events over 30 days in 160 series, whose hours are closed: the time of every report from slices and from closed
// hours in turn, whose answers must be equal; the rate of compaction; verify; and bytes per event. The clock is stepped through
// its port, so that the events fill days and not one open hour.
//
//   node benchmarks/src/scale.ts --events 1000000 [--per-request 500] [--out FILE]
import { deepStrictEqual } from 'node:assert';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { createPipeline, type Pipeline } from '@pik/engine';
import { type LocalBackend, openLocalBackend } from '@pik/engine/local';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    'per-request': { type: 'string', default: '500' },
    out: { type: 'string' },
  },
});
const EVENTS = Number(values.events);
const PER_REQUEST = Number(values['per-request']);
const IN_FLIGHT = 16;
const TOGETHER = PER_REQUEST * IN_FLIGHT;
const DAYS = 30;
const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 8, 1);
const END = START + DAYS * DAY_MS;
const SOURCES = 16;
const TYPES = 10;
const RUNS = 3;

/** The time of the clock when the n-th event arrives: those of requests in flight together arrive together. */
const arrivalOf = (n: number) => START + Math.floor(((n - (n % TOGETHER)) * DAYS * DAY_MS) / EVENTS);

/** The n-th event: most are some seconds old, one in a hundred some hours, and one in fifty is a repeat of an earlier one. */
function line(n: number): string {
  const original = n % 50 === 49 ? n - 40 : n;
  const late = original % 100 === 0 ? (original * 7_919) % (6 * 3_600_000) : 0;
  const eventMs = arrivalOf(original) - ((original * 7_919) % 60_000) - late;
  return JSON.stringify({
    source: `source_${original % SOURCES}`,
    event_type: `type_${Math.floor(original / SOURCES) % TYPES}`,
    entity_id: `user_${(original * 7_919) % 100_000}`,
    event_time: new Date(eventMs).toISOString(),
    sent_at: new Date(eventMs + 500).toISOString(),
    payload: { n: original, fill: 'x'.repeat(40) },
  });
}

async function fill(pipeline: Pipeline, clock: { ms: number }): Promise<void> {
  for (let n = 0; n < EVENTS; n += TOGETHER) {
    const starts = Array.from({ length: IN_FLIGHT }, (_, i) => n + i * PER_REQUEST).filter((start) => start < EVENTS);
    clock.ms = arrivalOf(n);
    await Promise.all(
      starts.map((start) => {
        const lines = Array.from({ length: Math.min(PER_REQUEST, EVENTS - start) }, (_, i) => line(start + i));
        return pipeline.ingest({
          body: Buffer.from(lines.join('\n')),
          format: 'ndjson',
          mode: 'live',
          receivedMs: clock.ms,
          requestId: `r${start}`,
          principal: null,
          dryRun: false,
        });
      }),
    );
  }
}

const range = { start_time: new Date(START), end_time: new Date(END), limit: 1_000 } as const;
const REPORTS = {
  lag: (pipeline: Pipeline) => pipeline.ask('lag', range),
  duplicates: (pipeline: Pipeline) => pipeline.ask('duplicates', range),
  failures: (pipeline: Pipeline) => pipeline.ask('failures', range),
  completeness: (pipeline: Pipeline) => pipeline.ask('completeness', range),
  'completeness, zone of :30': (pipeline: Pipeline) =>
    pipeline.ask('completeness', { ...range, time_zone: 'Asia/Kolkata' }),
  'gaps by day': (pipeline: Pipeline) => pipeline.ask('gaps', { ...range, grain: 'day' }),
  'gaps by hour': (pipeline: Pipeline) => pipeline.ask('gaps', { ...range, grain: 'hour' }),
  'gaps by hour, received': (pipeline: Pipeline) =>
    pipeline.ask('gaps', { ...range, grain: 'hour', basis: 'received' }),
} as const;

interface Side {
  readonly pipeline: Pipeline;
  readonly wall: number[];
  readonly cpu: number[];
  answer: unknown;
  partial: boolean;
}

/** Asks each report of both sides in turn. Complete answers must be equal. */
async function timeReports(slices: Pipeline, closed: Pipeline): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, ask] of Object.entries(REPORTS)) {
    const [before, after] = [slices, closed].map(
      (pipeline): Side => ({ pipeline, wall: [], cpu: [], answer: null, partial: false }),
    );
    if (before === undefined || after === undefined) break;
    for (let run = 0; run < RUNS; run++) {
      for (const side of [before, after]) {
        const [started, cpu] = [performance.now(), process.cpuUsage()];
        const answer = await ask(side.pipeline);
        const { user, system } = process.cpuUsage(cpu);
        side.wall.push(performance.now() - started);
        side.cpu.push((user + system) / 1_000);
        Object.assign(side, { answer, partial: answer.partial });
      }
    }
    if (!before.partial && !after.partial)
      deepStrictEqual(withoutTime(after.answer), withoutTime(before.answer), `${name} differs`);
    found[name] = { slices: viewOf(before), closed_hours: viewOf(after) };
  }
  return found;
}

const viewOf = ({ wall, cpu, partial }: Side) => ({ ms: median(wall), cpu_ms: median(cpu), partial });

const median = (values: number[]) => round(values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);

const round = (value: number) => Number(value.toFixed(1));

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  return [await work(), performance.now() - started];
}

function bytesIn(path: string, wanted: RegExp): number {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => wanted.test(name))
    .reduce((sum, name) => sum + (statSync(join(path, name)).isFile() ? statSync(join(path, name)).size : 0), 0);
}

async function verifyAll(pipeline: Pipeline): Promise<number> {
  let calls = 0;
  let cursor: string | null = null;
  do {
    const part: { next_cursor: string | null; problems_total?: number } = await pipeline.verify(cursor);
    cursor = part.next_cursor;
    calls += 1;
  } while (cursor !== null);
  return calls;
}

async function measure(backend: LocalBackend, clock: { ms: number }): Promise<Record<string, unknown>> {
  const pipeline = createPipeline({ backend });
  const [, fillMs] = await timed(() => fill(pipeline, clock));
  clock.ms = END + 3 * 3_600_000;
  await pipeline.sweep({ minAgeMs: 0, lookBackMs: DAYS * DAY_MS });
  const [summary, compactMs] = await timed(() => pipeline.compact({ sinceMs: START - DAY_MS }));
  clock.ms += 1_000;
  const reports = await timeReports(createPipeline({ backend: { ...backend, hours: undefined } }), pipeline);
  const [calls, verifyMs] = await timed(() => verifyAll(pipeline));
  const { dir } = backend;
  const perEvent = (bytes: number) => round(bytes / EVENTS);
  return {
    events: EVENTS,
    per_request: PER_REQUEST,
    series: SOURCES * TYPES,
    fill_events_per_s: Math.round(EVENTS / (fillMs / 1_000)),
    compact: { ...summary, ms: round(compactMs), receipts_per_s: Math.round(EVENTS / (compactMs / 1_000)) },
    reports,
    verify: { calls, us_per_receipt: round((verifyMs * 1_000) / EVENTS) },
    bytes_per_event: {
      raw: perEvent(bytesIn(join(dir, 'raw'), /./)),
      index: perEvent(bytesIn(dir, /^index/)),
      cells: perEvent(bytesIn(dir, /cells/)),
      columns: perEvent(bytesIn(dir, /receipts/)),
      all: perEvent(bytesIn(dir, /./)),
    },
  };
}

/** An answer without the time as of which it was given, which its cursor has too. */
function withoutTime(answer: unknown): unknown {
  const isTime = (name: string) => name === 'as_of' || name === 'next_cursor';
  return JSON.parse(JSON.stringify(answer, (name, value: unknown) => (isTime(name) ? undefined : value)));
}

const dir = mkdtempSync(join(tmpdir(), 'pik-scale-'));
const clock = { ms: START, now: () => clock.ms, monotonicMs: () => performance.now() };
const backend = await openLocalBackend({ dir, clock });
try {
  const result = { node: process.version, ...(await measure(backend, clock)) };
  const text = `${JSON.stringify(result, null, 2)}\n`;
  console.log(text);
  if (values.out !== undefined) writeFileSync(values.out, text);
} finally {
  await backend.close();
  rmSync(dir, { recursive: true });
}
