// Speed of `pik verify --offline`: receipts per second of one core, over an export of some hours of single-source events.
//
//   node benchmarks/src/verifier.ts [receipts]
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createPipeline, exportLog, openSignedLog } from '@pik/engine';
import { createMemoryBackend, createMemoryLogKeys, createTestClock } from '@pik/testkit';
import { parseKey, verifyExport } from '@pik/verifier';

const receipts = Number(process.argv[2] ?? 200_000);
const BATCH = 500;
const ROUNDS = 5;
const clock = createTestClock(Date.UTC(2026, 0, 5));
const backend = createMemoryBackend(clock);
const pipeline = createPipeline({ backend });
const log = await openSignedLog({ backend, keys: createMemoryLogKeys(), origin: 'benchmark' });
for (let sent = 0; sent < receipts; sent += BATCH) {
  const lines = Array.from({ length: BATCH }, (_, i) => {
    const fields = { source: 'shop', event_type: 'order.placed', entity_id: `order-${sent + i}` };
    return JSON.stringify({
      ...fields,
      event_time: new Date(clock.ms).toISOString(),
      payload: { total: sent + i, currency: 'EUR' },
    });
  });
  clock.ms += 10_000;
  await pipeline.ingest({
    ...{ body: Buffer.from(lines.join('\n')), format: 'ndjson', mode: 'live', receivedMs: clock.ms },
    ...{ requestId: `request-${sent}`, principal: null, dryRun: false },
  });
}
clock.ms += 2 * 3_600_000;
await pipeline.sweep({ minAgeMs: 0, lookBackMs: 3_600_000 });
await pipeline.compact({ sinceMs: 0 });
await log.closeHours();
const dir = mkdtempSync(join(tmpdir(), 'pik-verifier-'));
const sums: string[] = [];
let [bytes, key] = [0, ''];
const { createHash } = await import('node:crypto');
for await (const file of exportLog(backend)) {
  const path = join(dir, file.path);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, file.bytes);
  bytes += statSync(path).size;
  sums.push(`${createHash('sha256').update(file.bytes).digest('hex')}  ${file.path}\n`);
  if (file.path === 'vkey.txt') key = Buffer.from(file.bytes).toString('utf8').trim();
}
writeFileSync(join(dir, 'SHA256SUMS'), sums.join(''));
const trusted = parseKey(key);
if (trusted === null) throw new Error('no key');
const rates: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const start = process.cpuUsage();
  const { status, lines } = verifyExport(dir, { key: trusted });
  const { user, system } = process.cpuUsage(start);
  if (status !== 0) throw new Error(`status ${status}`);
  rates.push(Math.round(lines / ((user + system) / 1e6)));
}
rmSync(dir, { recursive: true });
await pipeline.close();
const median = rates.sort((a, b) => a - b)[ROUNDS >> 1];
console.log(JSON.stringify({ receipts, bytes, receipts_per_cpu_second: rates, median }));
