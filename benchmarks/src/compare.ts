// The cost of a comparison: 20 paths, every condition and pair, a group of receipts against another of the same size.
// node benchmarks/src/compare.ts [RECEIPTS_PER_GROUP] writes results/compare.json. Reading the log is not included: find.ts measures it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ComparedTable, endlessBudget, findDifferences } from '@pik/engine/internals';
import { seeded } from '@pik/testkit/fixtures/seeded';

const [perGroup = 1_000_000] = process.argv.slice(2).map(Number);

const random = seeded(17);
const VALUES = Array.from({ length: 60 }, (_, i) => `value ${i}`);
const NAMES = Array.from({ length: 20 }, (_, i) => `path_${i}`);

const ENVELOPE = {
  received_at: '2026-01-05T00:00:00.000000000Z',
  request_id: 'r',
  line: 0,
  principal: null,
  imported: false,
  event_id: 'e',
  reject_code: null,
  source: null,
  event_type: null,
  entity_id: null,
  event_time: null,
  payload_hash: null,
};
const FIELD_NAMES = {
  source: 'source',
  event_type: 'event_type',
  entity_id: 'entity_id',
  event_time: 'event_time',
  payload: 'payload',
  idempotency_key: 'idempotency_key',
  isExtensible: false,
};

/** Paths of 2 to 60 values with a skew, some of numbers; group A has more of one pair. */
function payloadOf(group: 0 | 1): Record<string, string | number> {
  const payload: Record<string, string | number> = {};
  NAMES.forEach((name, i) => {
    const share = random() ** 2;
    payload[name] = i % 5 === 4 ? share * 1_000 : (VALUES[Math.floor(share * (2 + 3 * i))] ?? '');
  });
  if (group === 0 && random() < 0.1) Object.assign(payload, { path_10: VALUES[9], path_11: VALUES[8] });
  return payload;
}

const table = new ComparedTable(new Set());
const readMs = performance.now();
for (const group of [0, 1] as const)
  for (let i = 0; i < perGroup; i++)
    table.add(group, { envelope: ENVELOPE, outcome: null, names: FIELD_NAMES, record: { payload: payloadOf(group) } });
const addedMs = performance.now();
const runs = [];
for (let run = 0; run < 3; run++) {
  const startedMs = performance.now();
  const started = process.cpuUsage();
  const found = await findDifferences({ budget: endlessBudget() }, table, { depth: 2, support: 0.01 });
  const [first] = found.explanations;
  runs.push({
    seconds: Math.round(performance.now() - startedMs) / 1_000,
    cpu_seconds: Math.round(process.cpuUsage(started).user / 1_000) / 1_000,
    tried: found.tried,
    findings: found.explanations.length,
    strongest: first?.pattern.items.map(({ set }) => table.dimensions[set]?.path) ?? [],
  });
}
const result = {
  node: process.version,
  receipts_per_group: perGroup,
  paths: NAMES.length,
  table_seconds: Math.round(addedMs - readMs) / 1_000,
  memory_mb: Math.round(process.memoryUsage().rss / 1024 / 1024),
  runs,
};
writeFileSync(join(import.meta.dirname, '../results/compare.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
