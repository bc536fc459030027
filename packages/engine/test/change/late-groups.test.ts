import { countOf, defineAggregate } from '@pik/aggregates';
import { createPipeline } from '@pik/engine';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { describe, expect, it } from 'vitest';

const DAY = Date.UTC(2026, 0, 5);
const HOUR = 3_600_000;

const orders = defineAggregate({
  metric: 'orders',
  definition_version: 1,
  group_by: 'source',
  window: 'day',
  time_zone: 'UTC',
  event_types: ['order.placed'],
  ...countOf(),
});

describe('an explained change with late inputs', () => {
  it('names the selection with which compare says what the late inputs share', async () => {
    const clock = createTestClock(DAY);
    const pipeline = createPipeline({ backend: createMemoryBackend(clock), aggregates: [orders] });
    const send = async (atMs: number, gateways: readonly string[]) => {
      clock.ms = atMs;
      const texts = gateways.map((gateway, i) =>
        JSON.stringify({
          source: "shop's",
          event_type: i % 5 === 4 ? 'order.viewed' : 'order.placed',
          entity_id: `o-${atMs}-${i}`,
          event_time: '2026-01-05T12:00:00Z',
          payload: { gateway },
        }),
      );
      await pipeline.ingest({
        body: new TextEncoder().encode(texts.join('\n')),
        format: 'ndjson',
        mode: 'live',
        receivedMs: clock.ms,
        requestId: 'r',
        principal: null,
        dryRun: false,
      });
    };
    await send(
      DAY + 13 * HOUR,
      Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 'north' : 'south')),
    );
    await send(
      DAY + 30 * HOUR,
      Array.from({ length: 100 }, () => 'west'),
    );
    clock.ms += HOUR;
    const change = await pipeline.ask('explainChange', {
      metric: 'orders',
      key: "shop's",
      window_start: '2026-01-05',
      from: '2026-01-06T00:00:00Z',
      to: 'now',
    });
    expect(change).toMatchObject({ delta: 80, classes: [{ class: 'LATE', came: 80 }] });
    const { compare } = change;
    expect(compare).toMatchObject({ a: 'received_at > 2026-01-06T00:00:00.000000000Z' });
    const report = await pipeline.ask('compare', compare ?? {});
    expect([report.a.receipts, report.b.receipts]).toEqual([80, 80]);
    expect(report.findings.map(({ where }) => where)).toEqual(['payload.gateway == "west"']);
    const early = { metric: 'orders', key: "shop's", window_start: '2026-01-05', from: '2026-01-05T01:00:00Z' };
    const onTime = await pipeline.ask('explainChange', { ...early, to: '2026-01-05T20:00:00Z' });
    expect(onTime.compare).toBeUndefined();
    await pipeline.close();
  });
});
