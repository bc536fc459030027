import { earthquakes } from '@pik/example-earthquakes/config';
import { MS_PER_DAY } from '@pik/schema';
import { points } from '@pik/testkit/budget';
import {
  changesKeyedByPoll,
  hasRealEvents,
  importLines,
  openPipeline,
  readLines,
} from '@pik/testkit/fixtures/engine/real-events';
import { readAll, workOff } from '@pik/testkit/fixtures/engine/replays';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pipeline } from '../../src/api/pipeline.ts';

// A day's metric is the number of earthquakes whose latest change known at a time is not a withdrawal. A file made by
// other means lists the value known at the first good poll after each day, and the final one. The metric is the one of
// the example.

interface Day {
  readonly day: string;
  readonly v1: number;
  readonly v2: number;
  readonly v1ReceivedAt: string;
}

function knownDays(): Day[] {
  const [head = '', ...rows] = readLines('usgs/daily_metric_versions.csv');
  const names = head.split(',');
  // The file ends within its last day.
  return rows.slice(0, -1).map((row) => {
    const fields = Object.fromEntries(row.split(',').map((value, i) => [names[i], value]));
    return {
      day: fields.day ?? '',
      v1: Number(fields.v1_count),
      v2: Number(fields.v2_count),
      v1ReceivedAt: fields.v1_received_at ?? '',
    };
  });
}

describe.skipIf(!hasRealEvents)('the daily metric of 595 days', () => {
  let pipeline: Pipeline;
  let remove: () => Promise<void>;
  let days: Day[];
  beforeAll(async () => {
    ({ pipeline, remove } = await openPipeline([earthquakes]));
    days = knownDays();
    await importLines(pipeline, changesKeyedByPoll());
  });
  afterAll(() => remove());

  const compute = async (day: string, asOf: string | null) => {
    const asOfMs = asOf === null ? null : Date.parse(asOf);
    return (await pipeline.computeAggregate({ metric: 'earthquakes', key: 'all', window_start: day, asOfMs })).value;
  };

  const replayDay = async ({ day, v1ReceivedAt }: Day, asOf: 'v1' | 'now') => {
    const start_time = `${day}T00:00:00Z`;
    const end_time = new Date(Date.parse(start_time) + MS_PER_DAY).toISOString();
    const as_of = asOf === 'v1' ? { as_of: v1ReceivedAt } : {};
    const body = { start_time, end_time, metrics: ['earthquakes'], ...as_of };
    expect((await pipeline.replay(body, { principal: null, requestId: 'data' })).complete).toBe(true);
  };

  it('has on every day the value known at the time and the final value', async () => {
    expect(days).toHaveLength(595);
    for (const { day, v1, v2, v1ReceivedAt } of days) {
      expect([day, await compute(day, v1ReceivedAt), await compute(day, null)]).toEqual([day, v1, v2]);
    }
  });

  it('has stored versions with the same values after a replay of each day', async () => {
    const replayed = points(days);
    for (const asOf of ['v1', 'now'] as const) {
      // Many at once: they share commits, and several workers share the queue.
      for (let i = 0; i < replayed.length; i += 40) {
        await Promise.all(replayed.slice(i, i + 40).map((day) => replayDay(day, asOf)));
        await Promise.all(Array.from({ length: 8 }, () => workOff(pipeline)));
      }
    }
    for (const { day, v1, v2 } of replayed) {
      const found = await readAll(async (cursor) => {
        const page = await pipeline.versions({
          metric: 'earthquakes',
          key: 'all',
          window_start: day,
          limit: 10,
          cursor,
        });
        return { items: page.versions, next: page.next_cursor };
      });
      expect([day, found[0]?.value, found.at(-1)?.value]).toEqual([day, v1, v2]);
      expect(found.map(({ version }) => version)).toEqual(found.map((_, i) => i + 1));
    }
  });
});
