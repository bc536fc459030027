import { tableRecords } from '@pik/example-daily-tables/convert';
import { hasRealEvents, openPipeline, readLines } from '@pik/testkit/fixtures/engine/real-events';
import { afterEach, describe, expect, it } from 'vitest';
import type { Pipeline } from '../../src/api/pipeline.ts';

describe.skipIf(!hasRealEvents)('real tables through the converter of the examples', () => {
  let remove: (() => Promise<void>) | null = null;
  afterEach(async () => {
    await remove?.();
    remove = null;
  });

  async function send(records: readonly string[]) {
    const opened = await openPipeline();
    remove = opened.remove;
    const { counts, results } = await ingest(opened.pipeline, records);
    return { pipeline: opened.pipeline, counts, results };
  }

  function ingest(pipeline: Pipeline, records: readonly string[]) {
    const request = {
      format: 'ndjson',
      mode: 'live',
      receivedMs: Date.now(),
      requestId: 'r',
      principal: null,
      dryRun: false,
    } as const;
    return pipeline.ingest({ body: new TextEncoder().encode(records.join('\n')), ...request });
  }

  const failures = (pipeline: Pipeline) =>
    pipeline.ask('failures', {
      by: ['source', 'event_type'],
      limit: 100,
    });

  it('the table that was published with conflict markers: 282 new, 100 repeats, 181 contradictions, 4 rows that are not data', async () => {
    const table = readLines('nyc/data-by-day_bad_2020-12-09.csv.gz').join('\n');
    const { pipeline, counts, results } = await send(
      tableRecords(table, {
        source: 'nychealth',
        eventType: 'day.published',
        entity: { id: 'NYC' },
        timeColumn: 'date_of_interest',
        timeZone: 'America/New_York',
        keyColumn: 'date_of_interest',
      }),
    );
    expect(counts).toEqual({ ACCEPTED: 282, DUPLICATE: 100, CONFLICT: 181, REJECTED: 4 });
    for (const result of results.filter(({ status }) => status === 'REJECTED'))
      expect(result).toMatchObject({
        code: 'TIME_INVALID',
        path: '/event_time',
        detail: expect.stringContaining('not RFC 3339, for example'),
      });
    const report = await failures(pipeline);
    expect(report.groups.map(({ kind, code, count, receipts }) => [kind, code, count, receipts])).toEqual([
      ['CONFLICT', 'CONFLICT', 181, 567],
      ['REJECT', 'TIME_INVALID', 4, 567],
    ]);
    const texts = await Promise.all(
      (report.groups[1]?.samples ?? []).map(async (sample) =>
        new TextDecoder().decode((await pipeline.receipt(sample)).body),
      ),
    );
    expect(texts.map((text) => (JSON.parse(text) as { event_time: string }).event_time).sort()).toEqual([
      '<<<<<<< HEAD',
      '=======',
      expect.stringMatching(/^>>>>>>> /),
      'date_of_interest',
    ]);
  });

  const sleep = (timeZone?: string) =>
    tableRecords(readLines('small/fitbit_sleepDay.csv').join('\n'), {
      source: 'fitbit',
      eventType: 'sleep.day',
      entity: { column: 'Customer Id' },
      timeColumn: 'SleepDay',
      ...(timeZone === undefined ? {} : { timeZone }),
    });

  it('all 413 times without a zone are refused, and the reason says what to append', async () => {
    const { pipeline, counts } = await send(sleep());
    expect(counts).toEqual({ REJECTED: 413 });
    expect((await failures(pipeline)).groups).toMatchObject([
      {
        code: 'TIME_WITHOUT_OFFSET',
        path: '/event_time',
        count: 413,
        receipts: 413,
        detail: expect.stringContaining('no offset; append Z'),
      },
    ]);
  });

  it('with a declared zone 410 are new and 3 repeat', async () => {
    expect((await send(sleep('America/New_York'))).counts).toEqual({ ACCEPTED: 410, DUPLICATE: 3 });
  });
});
