// Reports over 30 days by source and type, and the explanation of one event, on an index of 10 k, 100 k and 1 M events,
// all within those 30 days, over HTTP. `cpu_ms` is the server's CPU time, which is more reliable than wall-clock time
// on a busy machine. Writes results/reports.json.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type ServedKit, serveKit } from './served-kit.ts';

const SIZES = process.argv[2] === undefined ? [10_000, 100_000, 1_000_000] : [Number(process.argv[2])];
const DAYS = 30;
const START = Date.UTC(2026, 8, 1);
const PER_REQUEST = 500;
const RUNS = 5;
/** One event in fifty is sent twice. */
const REPEAT_EVERY = 50;

/**
 * The n-th event: three sources of four types each, spread evenly over the days; events of a request arrive together.
 */
function record(n: number, total: number): string {
  const first = n - (n % PER_REQUEST);
  const at = START + Math.floor((first * DAYS * 86_400_000) / total);
  return JSON.stringify({
    source: `source_${n % 3}`,
    event_type: `type_${n % 4}`,
    entity_id: `user_${(n * 7_919) % 100_000}`,
    event_time: new Date(at - ((n * 7_919) % 3_600_000)).toISOString(),
    sent_at: new Date(at - 500).toISOString(),
    received_at: new Date(at).toISOString(),
    payload: { n },
  });
}

async function load(url: string, total: number): Promise<void> {
  const post = async (lines: string[]) => {
    const headers = { 'content-type': 'application/x-ndjson' };
    const response = await fetch(`${url}/import`, { method: 'POST', headers, body: lines.join('\n') });
    if (response.status !== 200) throw new Error(await response.text());
    await response.arrayBuffer();
  };
  for (let n = 0; n < total; n += PER_REQUEST * 4) {
    const parts = [0, 1, 2, 3].map((part) => {
      const from = n + part * PER_REQUEST;
      const lines = Array.from({ length: Math.max(0, Math.min(PER_REQUEST, total - from)) }, (_, i) =>
        record(from + i, total),
      );
      return lines.flatMap((line, i) => (i % REPEAT_EVERY === 0 ? [line, line] : [line]));
    });
    await Promise.all(parts.filter((lines) => lines.length > 0).map(post));
  }
}

interface Timed {
  readonly median_ms: number;
  readonly min_ms: number;
  readonly max_ms: number;
  /** CPU time of one answer: the mean over all runs. */
  readonly cpu_ms: number;
  readonly answer: Record<string, unknown>;
}

async function timed(kit: ServedKit, path: string): Promise<Timed> {
  const times: number[] = [];
  const cpuBefore = kit.cpuMs();
  let answer: Record<string, unknown> = {};
  for (let run = 0; run < RUNS; run++) {
    const started = performance.now();
    const response = await fetch(kit.url + path);
    answer = (await response.json()) as Record<string, unknown>;
    times.push(performance.now() - started);
    if (response.status !== 200) throw new Error(JSON.stringify(answer));
  }
  const cpu_ms = round((kit.cpuMs() - cpuBefore) / RUNS);
  times.sort((a, b) => a - b);
  return {
    median_ms: round(times[Math.floor(RUNS / 2)]),
    min_ms: round(times[0]),
    max_ms: round(times.at(-1)),
    cpu_ms,
    answer,
  };
}

const round = (ms: number | undefined) => Number((ms ?? 0).toFixed(1));

async function measure(total: number): Promise<Record<string, unknown>> {
  const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
  const kit = await serveKit(dir);
  try {
    await load(kit.url, total);
    const range = new URLSearchParams({
      start_time: new Date(START).toISOString(),
      end_time: new Date(START + DAYS * 86_400_000).toISOString(),
      include_imported: 'true',
    });
    const figures: Record<string, unknown> = { events: total };
    for (const report of ['lag', 'duplicates', 'gaps', 'completeness', 'failures']) {
      const query = new URLSearchParams(range);
      if (report === 'failures') query.delete('include_imported');
      const { answer, ...times } = await timed(kit, `/reports/${report}?${query}`);
      if (answer.partial === true) throw new Error(`${report} is partial: ${JSON.stringify(answer.notes)}`);
      figures[report] = times;
    }
    const entity = `user_${(7_919 * Math.floor(total / 2)) % 100_000}`;
    const page = (await (await fetch(`${kit.url}/timeline?entity_id=${entity}&limit=1`)).json()) as {
      events: { event_id: string }[];
    };
    const { answer, ...times } = await timed(kit, `/events/${page.events[0]?.event_id}`);
    if (answer.found !== true) throw new Error('the event is not found');
    figures.explain_event = times;
    return figures;
  } finally {
    await kit.stop();
    rmSync(dir, { recursive: true });
  }
}

const sizes: Record<string, unknown>[] = [];
for (const size of SIZES) {
  sizes.push(await measure(size));
  console.log(JSON.stringify(sizes.at(-1)));
}
const result = { node: process.version, days: DAYS, series: 12, runs: RUNS, sizes };
if (process.argv[2] === undefined)
  writeFileSync(join(import.meta.dirname, '../results/reports.json'), `${JSON.stringify(result, null, 2)}\n`);
