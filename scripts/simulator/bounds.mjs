// Bounds that are small in the simulator, so that short histories reach pages, merges and full tables.

const bound = (file, from, to) => ({ file, from, to });
const LOCAL = 'packages/engine/src/backends/local';

/** @type {readonly { file: string, from: string, to: string }[]} */
export const BOUNDS = [
  bound('packages/schema/src/limits.ts', 'group_receipts_max: 2_000,', 'group_receipts_max: 4,'),
  bound('packages/schema/src/limits.ts', 'start_reserve_bytes: 1_048_576,', 'start_reserve_bytes: 16,'),
  bound(`${LOCAL}/raw-log.ts`, 'const LIST_ITEMS = 1_000;', 'const LIST_ITEMS = 2;'),
  bound(`${LOCAL}/key-runs/key-runs.ts`, 'const TABLE_KEYS = 131_072;', 'const TABLE_KEYS = 4;'),
  bound(`${LOCAL}/key-runs/upkeep.ts`, 'const RUNS_PER_MERGE = 8;', 'const RUNS_PER_MERGE = 2;'),
  bound(`${LOCAL}/packed/rules/segment.ts`, 'export const SEGMENT_ROWS = 64;', 'export const SEGMENT_ROWS = 3;'),
  bound('packages/engine/src/ingest/sweep.ts', 'const PACKS_AT_ONCE = 500;', 'const PACKS_AT_ONCE = 2;'),
];
