// Records per second through the outbox alone, with each fsync policy: appended in bursts of 100 and 500 as a producer
// does, each burst acknowledged once it is durable. Writes results/outbox.json.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type FsyncPolicy, type Outbox, openOutbox } from '@pik/sdk/outbox';

import { eventLine } from './rows.ts';

const ROUNDS = 5;
const RECORDS = { each: 3_000, batch: 300_000, interval: 300_000 } as const;
/** Bytes in flight to the disk; with an fsync per interval this bounds the rate, so it is larger. */
const IN_FLIGHT_BYTES = { each: 2_000_000, batch: 2_000_000, interval: 16_000_000 } as const;

interface Case {
  readonly fsync: FsyncPolicy;
  readonly bytes: number;
  readonly burst: number;
}

interface Run {
  readonly per_s: number;
  readonly cpu_us: number;
  readonly stored_ms: number;
}

/** A record of this many bytes; built before the measurement. */
function recordsOf(bytes: number, count: number): string[] {
  const rest = 'y'.repeat(Math.max(0, bytes - 200));
  return Array.from({ length: count }, (_, n) => eventLine(n).replace('"}}', `${rest}"}}`));
}

async function run({ fsync, bytes, burst }: Case, records: readonly string[]): Promise<Run> {
  const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
  const outbox = await openOutbox({ dir, fsync, fsyncIntervalMs: 100 });
  const storedMs: number[] = [];
  const flying = new Set<Promise<void>>();
  const cpu = process.cpuUsage();
  const started = performance.now();
  for (let at = 0; at < records.length; at += burst) {
    while (flying.size * burst * bytes >= IN_FLIGHT_BYTES[fsync]) await Promise.race(flying);
    await outbox.ready();
    const sent = deliver(outbox, records.slice(at, at + burst), storedMs).finally(() => flying.delete(sent));
    flying.add(sent);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await outbox.flush();
  await Promise.all(flying);
  const seconds = (performance.now() - started) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const { pending_count } = outbox.stats();
  await outbox.close();
  rmSync(dir, { recursive: true });
  if (pending_count !== 0) throw new Error(`${pending_count} records are pending`);
  return {
    per_s: records.length / seconds,
    cpu_us: (user + system) / records.length,
    stored_ms: median(storedMs),
  };
}

async function deliver(outbox: Outbox, records: readonly string[], storedMs: number[]): Promise<void> {
  const started = performance.now();
  const positions = records.map((record) => outbox.append(record));
  const failed = await outbox.stored(positions.at(-1) ?? 0);
  if (failed !== null) throw failed;
  storedMs.push(performance.now() - started);
  outbox.acknowledge(positions);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

const results = [];
for (const bytes of [200, 1_000]) {
  for (const fsync of ['each', 'batch', 'interval'] as const) {
    const records = recordsOf(bytes, RECORDS[fsync]);
    for (const burst of [100, 500]) {
      const runs: Run[] = [];
      for (let round = 0; round < ROUNDS; round += 1) runs.push(await run({ fsync, bytes, burst }, records));
      const of = (name: keyof Run, digits: number) => Number(median(runs.map((one) => one[name])).toFixed(digits));
      const result = {
        fsync,
        bytes,
        burst,
        per_s: of('per_s', 0),
        cpu_us: of('cpu_us', 2),
        stored_ms: of('stored_ms', 2),
      };
      console.log(JSON.stringify(result));
      results.push(result);
    }
  }
}
const file = join(import.meta.dirname, '../results/outbox.json');
writeFileSync(file, `${JSON.stringify({ node: process.version, rounds: ROUNDS, results }, null, 2)}\n`);
