import { defineAggregate, lastOf } from '@pik/aggregates';
import { earthquakes } from '@pik/example-earthquakes/config';
import type { ChangeExplanation } from '@pik/schema';
import { points } from '@pik/testkit/budget';
import {
  changesKeyedByPoll,
  hasRealEvents,
  importLines,
  openPipeline,
  readLines,
} from '@pik/testkit/fixtures/engine/real-events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChangeQuery, Pipeline } from '../../src/api/pipeline.ts';

// Why a metric changed, on real events whose changes were computed by other means.

const LIMIT = 1_000;

/** The rows of a CSV file without quotes, by its column names. */
function readTable(file: string): Record<string, string>[] {
  const [head = '', ...rows] = readLines(file);
  const names = head.trim().split(',');
  return rows.map((row) =>
    Object.fromEntries(
      row
        .trim()
        .split(',')
        .map((value, i) => [names[i] ?? '', value]),
    ),
  );
}

/** The answer, after checking the properties of every answer. */
async function explain(pipeline: Pipeline, query: Omit<ChangeQuery, 'limit'>): Promise<ChangeExplanation> {
  const change = await pipeline.explainChange({ ...query, limit: LIMIT });
  const parts = change.classes.map(({ contribution }) => contribution ?? Number.NaN);
  expect(parts.reduce((sum, part) => sum + part, 0)).toBe(change.delta);
  expect([change.exact, change.why_not_exact]).toEqual([true, null]);
  expect(change.waterfall.at(-1)?.value).toBe(change.after.value);
  expect(change.waterfall.at(-2)?.value).toBe(change.after.value);
  return change;
}

describe.skipIf(!hasRealEvents)('why the metric of 595 days changed', () => {
  let pipeline: Pipeline;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    ({ pipeline, remove } = await openPipeline([earthquakes]));
    await importLines(pipeline, changesKeyedByPoll());
  });
  afterAll(() => remove());

  const explainDay = ({ day = '', v1_received_at = '' }: Record<string, string>) =>
    explain(pipeline, {
      metric: 'earthquakes',
      key: 'all',
      window_start: day,
      from: { kind: 'AS_OF', asOfMs: Date.parse(v1_received_at) },
      to: { kind: 'NOW' },
    });

  const ids = (text = '') => text.split(' ').filter((id) => id !== '');

  it('is explained as in the table: late, withdrawn, reinstated, and which events', async () => {
    // The file ends within its last day.
    const days = readTable('usgs/daily_metric_versions.csv').slice(0, -1);
    expect(days).toHaveLength(595);
    expect(days.filter(({ delta_count }) => Number(delta_count) !== 0).length).toBeGreaterThan(400);
    for (const row of points(days)) {
      const { delta, units, before, after, classes } = await explainDay(row);
      const { CAME, CAME_BACK, WENT, CHANGED } = units?.counts ?? { CAME: 0, CAME_BACK: 0, WENT: 0, CHANGED: 0 };
      const figures = [row.day, before.value, after.value, delta, CAME, WENT, CAME_BACK, CHANGED];
      const known = [row.v1_count, row.v2_count, row.delta_count, row.late_added, row.withdrawn_later, row.reinstated];
      expect(figures).toEqual([row.day, ...known.map(Number), 0]);
      const named = (kinds: string[]) =>
        (units?.items ?? []).filter(({ kind }) => kinds.includes(kind)).map(({ unit }) => unit);
      expect(named(['CAME', 'CAME_BACK']).sort()).toEqual(ids(row.late_added_ids).sort());
      expect(named(['WENT']).sort()).toEqual(ids(row.withdrawn_ids).sort());
      expect(classes.map((part) => part.class).filter((name) => name !== 'LATE')).toEqual([]);
    }
  });

  it('names the 19 that came back and the 7 that came late on 2022-09-02', async () => {
    const row = readTable('usgs/daily_metric_versions.csv').find(({ day }) => day === '2022-09-02');
    const { sentence, units, events } = await explainDay(row ?? {});
    expect(sentence).toMatch(/^earthquakes on 2022-09-02: 20 → 46 \(\+26\): 19 came back and 7 came late, /);
    expect(units?.counts).toMatchObject({ CAME_BACK: 19, CAME: 7, WENT: 0 });
    // Each unit has its events, and these are among the listed events.
    const listed = new Set(events.map(({ event_id }) => event_id));
    for (const { event_ids } of units?.items ?? []) {
      expect(event_ids.length).toBeGreaterThan(0);
      expect(event_ids.filter((id) => !listed.has(id))).toEqual([]);
    }
  });
});

interface Published {
  readonly entity_id: string;
  readonly version: number;
  readonly received_at: string;
  readonly payload: { readonly day: string };
}

/** The published values that changed between 2021-03-20 and 2021-03-24; `old` is empty for a value that was new. */
function restated(): { day: string; metric: string; old: string; now: string }[] {
  return readTable('nyc/restated_2021-03.csv').map((row) => {
    const [old = '', now = ''] = Object.entries(row).flatMap(([name, value]) =>
      /^(old|new)_/.test(name) ? [value] : [],
    );
    return { day: row.day ?? '', metric: row.metric ?? '', old, now };
  });
}

describe.skipIf(!hasRealEvents)('the counts that a health department restated', () => {
  const published = defineAggregate({
    metric: 'published',
    definition_version: 1,
    group_by: 'entity',
    window: 'day',
    time_zone: 'America/New_York',
    ...lastOf(({ payload }) => (payload as { new: number | null }).new ?? undefined),
  });
  let pipeline: Pipeline;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    ({ pipeline, remove } = await openPipeline([published]));
    // Other days would only make the packs larger, and each explanation reads all packs of its inputs.
    const asked = new Set(restated().map(({ metric, day }) => `${metric}:NYC ${day}`));
    const publications = new Map<string, string[]>();
    // One request per publication, in their order: the inputs of a day then lie in small packs.
    for (const line of readLines('nyc/metric_changes_2020-12-09_2021-06-30.ndjson.gz')) {
      if (!line.includes(':NYC"')) continue;
      const { entity_id, version, received_at, payload } = JSON.parse(line) as Published;
      if (!asked.has(`${entity_id} ${payload.day}`)) continue;
      const keyed = `{"idempotency_key":"${version} ${payload.day}",${line.slice(1)}`;
      publications.set(received_at, [...(publications.get(received_at) ?? []), keyed]);
    }
    for (const keyed of publications.values())
      expect(await importLines(pipeline, keyed)).toEqual({ ACCEPTED: keyed.length });
  });
  afterAll(() => remove());

  const explainDay = (metric: string, day: string) =>
    explain(pipeline, {
      metric: 'published',
      key: `${metric}:NYC`,
      window_start: day,
      from: { kind: 'AS_OF', asOfMs: Date.parse('2021-03-21T12:00:00-04:00') },
      to: { kind: 'AS_OF', asOfMs: Date.parse('2021-03-25T00:00:00-04:00') },
    });

  it('2021-03-17 went from 774 to 3,001 by one input that came late', async () => {
    const change = await explainDay('CASE_COUNT', '2021-03-17');
    expect([change.before.value, change.after.value, change.delta]).toEqual([774, 3001, 2227]);
    expect(change.classes).toMatchObject([{ class: 'LATE', contribution: 2227, came: 1, went: 0 }]);
    expect(change.events).toMatchObject([
      { class: 'LATE', side: 'CAME', received_at: '2021-03-24T16:58:46.000000000Z', contribution: 2227 },
    ]);
    expect(change.sentence).toBe(
      'published of CASE_COUNT:NYC on 2021-03-17: 774 → 3,001 (+2,227): +2,227 late from nychealth, 7 d 12 h after the event.',
    );
  });

  it('each of the 348 restatements is listed with its old and new value', async () => {
    const withOld = restated().filter(({ old }) => old !== '');
    expect(withOld).toHaveLength(348);
    for (const { day, metric, old, now } of points(withOld)) {
      const { before, after, classes } = await explainDay(metric, day);
      expect([metric, day, before.value, after.value]).toEqual([metric, day, Number(old), Number(now)]);
      expect(classes).toMatchObject([{ class: 'LATE', came: 1, contribution: Number(now) - Number(old) }]);
    }
  });
});
