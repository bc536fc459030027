// Explaining a change, with both lists of inputs in memory: walk, classes, parts, answer. 10 % of the later list was
// late, missed or imported; 1 % of the earlier one went. Writes results/explain-change.json.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  type Aggregate,
  type AggregateInput,
  classifyInput,
  countOf,
  createAttribution,
  type Difference,
  defineAggregate,
  entitiesWhere,
  explainedChange,
  type ListedInput,
  maxOf,
  walkInputs,
} from '@pik/aggregates';
import { type ChangeSide, formatEpochMs } from '@pik/schema';

const SIZES = [10_000, 100_000, 500_000];
const RUNS = 7;
const DAY = Date.UTC(2026, 0, 1);
const PACK = '019b7500-0000-7000-8000-000000000000';

const base = { definition_version: 1, group_by: 'all', window: 'day', time_zone: 'UTC' } as const;
const value = ({ payload }: AggregateInput) => (payload as { value: number }).value;
const AGGREGATES: readonly Aggregate[] = [
  defineAggregate({ ...base, metric: 'additive', ...countOf() }),
  defineAggregate({ ...base, metric: 'unit', unit: 'entity_id', ...entitiesWhere((input) => value(input) > 1) }),
  defineAggregate({ ...base, metric: 'shapley', ...maxOf(value) }),
];

interface Input extends ListedInput {
  readonly input: AggregateInput;
}

function makeInput(i: number, count: number): Input {
  const entity = i % (count / 10);
  const event_id = `${entity.toString(32).padStart(12, '0')}${i.toString(32).padStart(35, '0')}`;
  const event_time = formatEpochMs(DAY + Math.floor((i * 86_000_000) / count));
  const missed = i % 3 === 0;
  const received_at = formatEpochMs(missed ? DAY + 20 * 3_600_000 : DAY + 40 * 3_600_000 + i);
  const at = { event_id, event_time, received_at };
  const input = {
    ...at,
    source: `s${i % 7}`,
    event_type: 't',
    entity_id: `entity_${entity}`,
    payload: { value: i % 100 },
  };
  return { ...at, payload_hash: 'hash', pack_id: PACK, line: i, input };
}

function side(
  aggregate: Aggregate,
  inputs: readonly Input[],
  rest: Pick<ChangeSide, 'as_of' | 'computed_at'>,
): ChangeSide {
  const { definition_version, definition_hash, time_zone } = aggregate;
  return {
    ...{ kind: 'VERSION', version: 1, input_count: inputs.length, inputs_hash: null, unsettled: false, ...rest },
    value: aggregate.fold(inputs.map(({ input }) => input)),
    ...{ definition_version, definition_hash, time_zone },
    window_start: formatEpochMs(DAY),
    window_end: formatEpochMs(DAY + 86_400_000),
  };
}

function makeSides(aggregate: Aggregate, count: number) {
  const all = Array.from({ length: count }, (_, i) => makeInput(i, count));
  const before = all.filter((_, i) => i % 10 !== 0);
  const after = all.filter((_, i) => i % 100 !== 1);
  const as_of = formatEpochMs(DAY + 30 * 3_600_000);
  const later = formatEpochMs(DAY + 90 * 3_600_000);
  const sides = {
    before: side(aggregate, before, { as_of, computed_at: as_of }),
    after: side(aggregate, after, { as_of: later, computed_at: later }),
  };
  return { before, after, sides };
}

function explain(aggregate: Aggregate, { before, after, sides }: ReturnType<typeof makeSides>) {
  const differences: Difference[] = [];
  walkInputs<Input>(before, after, (listed, where) => {
    if (where === 'BOTH') return;
    const { source, event_type, entity_id } = listed.input;
    const imported = listed.line % 2 === 0;
    const facts = { source, event_type, entity_id, imported, present: where === 'CAME', fields: { app: source } };
    const known = { side: where, input: listed, facts };
    differences.push({ ...known, class: classifyInput(known, sides) });
  });
  const attribution = createAttribution({ sides, aggregate, differences, redefined: false });
  let met = 0;
  walkInputs<Input>(before, after, (listed, where) => {
    if (where !== 'BOTH') attribution.add(listed.input, differences[met++] as Difference);
    else if (attribution.wantsCommon && attribution.wants(listed.event_id)) attribution.add(listed.input, null);
  });
  const attributed = attribution.finish();
  const asked = { metric: aggregate.metric, key: 'all', sides, differences, attributed, limit: 100, notes: [] };
  return explainedChange(asked);
}

const results = [];
for (const count of SIZES) {
  for (const aggregate of AGGREGATES) {
    const sides = makeSides(aggregate, count);
    const times: number[] = [];
    const cpu: number[] = [];
    let change = explain(aggregate, sides);
    const heapBefore = process.memoryUsage().heapUsed;
    let heapMost = heapBefore;
    for (let run = 0; run < RUNS; run++) {
      const started = performance.now();
      const cpuStarted = process.cpuUsage();
      change = explain(aggregate, sides);
      times.push(performance.now() - started);
      const { user, system } = process.cpuUsage(cpuStarted);
      cpu.push((user + system) / 1_000);
      heapMost = Math.max(heapMost, process.memoryUsage().heapUsed);
    }
    if (!change.exact) throw new Error(`${aggregate.metric}: ${change.why_not_exact}`);
    const [min, , , median] = times.toSorted((a, b) => a - b);
    results.push({
      metric: aggregate.metric,
      inputs_each_side: count,
      differences: change.events_total,
      classes: change.classes.length,
      median_ms: Number((median ?? 0).toFixed(1)),
      min_ms: Number((min ?? 0).toFixed(1)),
      // CPU time of all threads, including the garbage collector's.
      cpu_median_ms: Number((cpu.toSorted((a, b) => a - b)[3] ?? 0).toFixed(1)),
      answer_kb: Math.round(JSON.stringify(change).length / 1024),
      heap_growth_mb: Math.round((heapMost - heapBefore) / 2 ** 20),
    });
    console.log(JSON.stringify(results.at(-1)));
  }
}
const report = { node: process.version, runs: RUNS, results };
writeFileSync(join(import.meta.dirname, '../results/explain-change.json'), `${JSON.stringify(report, null, 2)}\n`);
