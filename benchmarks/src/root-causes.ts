// How often a comparison names the labelled cause: F1 on the public set RS of RobustSpot, 135 faults of a video service. Each case has
// requests by eight attributes, minute by minute, with the number that failed. The set is not part of this repository: it is in the folder
// data/RS of github.com/shaido987/riskloc. Without arguments, the script says where to get it.
// node benchmarks/src/root-causes.ts data/RS writes results/root-causes.json.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ComparedTable, conditionsOf, endlessBudget, findDifferences } from '@pik/engine/internals';

const [dir] = process.argv.slice(2);
if (dir === undefined) {
  console.error('usage: root-causes.ts DIR, the folder data/RS of https://github.com/shaido987/riskloc');
  process.exit(2);
}

/** A labelled fault. */
interface Case {
  readonly file: string;
  readonly minute: string;
  /** `name=value` for each condition of a cause, in order; most cases have one cause. */
  readonly causes: readonly string[];
}

/** Requests of one minute that share all attributes. */
interface Row {
  readonly minute: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly failed: number;
  readonly count: number;
}

function readCases(folder: string): Case[] {
  const text = readFileSync(join(folder, 'anomaly.yaml'), 'utf8');
  return [...text.matchAll(/- data: (.+)\n\s+timestamp: (\d+)\n\s+cause: (.+)/g)].map(
    ([, file = '', minute = '', cause = '']) => {
      const causes = [...cause.matchAll(/\{([^}]+)\}/g)].map(([, conditions = '']) => {
        const found = [...conditions.matchAll(/'([^']+)'\s*:\s*(?:'([^']*)'|([^,'\s]+))/g)];
        return named(found.map(([, name = '', quoted, bare]) => [name, quoted ?? bare ?? '']));
      });
      return { file, minute, causes };
    },
  );
}

function named(conditions: readonly (readonly [string, string])[]): string {
  return conditions
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join('&');
}

function readRows(file: string): Row[] {
  const [head = '', ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const names = head.split(',');
  return lines.map((line) => {
    const fields = line.split(',');
    const of = (name: string) => fields[names.indexOf(name)] ?? '';
    const attributes = names.slice(1).flatMap((name) => (name === 'value' || name === 'cnt' ? [] : [[name, of(name)]]));
    const minute = fields[0] ?? '';
    return {
      minute,
      attributes: Object.fromEntries(attributes),
      failed: Number(of('value')),
      count: Number(of('cnt')),
    };
  });
}

const ENVELOPE = {
  ...{ received_at: '2026-01-05T00:00:00.000000000Z', request_id: 'r', line: 0, principal: null, imported: false },
  ...{ event_id: 'e', reject_code: null, source: null, event_type: null, entity_id: null, event_time: null },
  payload_hash: null,
};
const NAMES = {
  ...{ source: 'source', event_type: 'event_type', entity_id: 'entity_id', event_time: 'event_time' },
  ...{ payload: 'payload', idempotency_key: 'idempotency_key', isExtensible: false },
};

/** A receipt for each request of group A and B; the causes that the comparison names, the strongest first. */
async function causesOf(groups: readonly (readonly (readonly [Row, number])[])[], depth: number): Promise<string[]> {
  const table = new ComparedTable(new Set());
  for (const group of [0, 1] as const)
    for (const [{ attributes }, times] of groups[group] ?? [])
      for (let i = 0; i < times; i++)
        table.add(group, { envelope: ENVELOPE, outcome: null, names: NAMES, record: { payload: attributes } });
  const { explanations, sets } = await findDifferences({ budget: endlessBudget() }, table, { depth, support: 0.01 });
  return explanations.flatMap(({ pattern }) => {
    const [a, b] = pattern.counts;
    if (a * table.rows[1] <= b * table.rows[0]) return [];
    const conditions = conditionsOf(pattern, sets);
    return named(conditions.map(({ path, value }) => [path.replace(/^payload\./, ''), String(value)]));
  });
}

/** The groups of a case: those that failed in its minute against the others of it, or against those that failed before. */
const GROUPS = {
  'failed against the others of the minute': (rows: readonly Row[], minute: string) => {
    const now = rows.filter((row) => row.minute === minute);
    return [now.map((row) => [row, row.failed] as const), now.map((row) => [row, row.count - row.failed] as const)];
  },
  'failed against those that failed before': (rows: readonly Row[], minute: string) => {
    const failed = (of: readonly Row[]) => of.map((row) => [row, row.failed] as const);
    return [failed(rows.filter((row) => row.minute === minute)), failed(rows.filter((row) => row.minute < minute))];
  },
} as const;

const cases = readCases(dir);
const results = [];
for (const [groups, groupsOf] of Object.entries(GROUPS)) {
  const sums = { first: [0, 0, 0], all: [0, 0, 0] } as { first: number[]; all: number[] };
  let unnamed = 0;
  for (const { file, minute, causes } of cases) {
    const found = await causesOf(groupsOf(readRows(join(dir, `${file}.csv`)), minute), 3);
    if (found.length === 0) unnamed += 1;
    for (const [name, predicted] of [
      ['first', found.slice(0, 1)],
      ['all', found],
    ] as const) {
      const right = causes.filter((cause) => predicted.includes(cause)).length;
      const counts = [right, predicted.length - right, causes.length - right];
      sums[name] = sums[name].map((sum, i) => sum + (counts[i] ?? 0));
    }
  }
  const f1 = ([right = 0, wrong = 0, missed = 0]: readonly number[]) =>
    Math.round((2_000 * right) / (2 * right + wrong + missed)) / 1_000;
  const figures = (counts: readonly number[]) => ({
    right: counts[0],
    wrong: counts[1],
    missed: counts[2],
    f1: f1(counts),
  });
  results.push({
    groups,
    cases: cases.length,
    unnamed,
    first_finding: figures(sums.first),
    all_findings: figures(sums.all),
  });
}
const result = { node: process.version, set: 'RS', depth: 3, results };
writeFileSync(join(import.meta.dirname, '../results/root-causes.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
