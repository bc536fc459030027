import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Analytics } from '@segment/analytics-node';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ServedPik, serveWithThreads, temporaryDir } from '../served.ts';
import { runPik } from '../support/run-pik.ts';

// docs/five-minutes.md: an empty machine with Node, one command, one paste, first answers. The times are printed, and
// judged by nobody: a test that fails on a slow machine says nothing about the kit.

const dir = temporaryDir();
const SECRET = `whsec_${Buffer.from('five minutes, one secret').toString('base64')}`;
const WHEN = '2026-01-30T10:00:00Z';
const times: [step: string, ms: number][] = [];
const timed = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
  const startedMs = performance.now();
  const result = await work();
  times.push([step, performance.now() - startedMs]);
  return result;
};

let server: ServedPik;
beforeAll(async () => {
  const config = join(dir, 'pik.config.ts');
  const hook = { version: 1, signature: { scheme: 'standard', secrets_env: ['BILLING_SECRET'] } };
  writeFileSync(config, `export default { doors: { hooks: { billing: ${JSON.stringify(hook)} } } };`);
  server = await timed('pik serve', () =>
    serveWithThreads(join(dir, 'data'), ['--config', config], { BILLING_SECRET: SECRET }),
  );
});
afterAll(async () => {
  server.child.kill('SIGTERM');
  await server.ended;
  rmSync(dir, { recursive: true });
  console.log(`five minutes: ${times.map(([step, ms]) => `${step} ${(ms / 1_000).toFixed(1)} s`).join(', ')}`);
});

/** The first answer: the events of an entity, as text. */
async function firstAnswer(entity: string): Promise<string> {
  const { code, stdout, stderr } = await runPik('events', '--entity', entity, '--url', server.url);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

describe('from nothing to a first answer', () => {
  it('by the host of Segment', async () => {
    const answer = await timed('Segment', async () => {
      const analytics = new Analytics({ writeKey: 'any', host: server.url, flushInterval: 10 });
      analytics.track({ userId: 'user_1', event: 'Order Placed', properties: { total: 4200 } });
      await analytics.closeAndFlush();
      return firstAnswer('user_1');
    });
    expect(answer).toContain('Order Placed');
  });

  it('by an endpoint of OTLP', async () => {
    const answer = await timed('OTLP', async () => {
      const text = (stringValue: string) => ({ stringValue });
      const attributes = [{ key: 'user.id', value: text('user_2') }];
      const logRecords = [
        { timeUnixNano: '1769767200000000000', eventName: 'checkout.failed', body: text('card'), attributes },
      ];
      const resource = { attributes: [{ key: 'service.name', value: text('checkout') }] };
      const response = await fetch(`${server.url}/v1/logs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }),
      });
      expect(response.status).toBe(200);
      return firstAnswer('user_2');
    });
    expect(answer).toContain('checkout.failed');
  });

  it('by the URL of a webhook', async () => {
    const answer = await timed('webhook', async () => {
      const body = JSON.stringify({ type: 'invoice.paid', timestamp: WHEN, data: { id: 'invoice_3' } });
      const now = new Date();
      const response = await fetch(`${server.url}/hooks/billing`, {
        method: 'POST',
        headers: {
          ...{ 'content-type': 'application/json', 'webhook-id': 'msg_1' },
          'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
          'webhook-signature': new Webhook(SECRET).sign('msg_1', now, body),
        },
        body,
      });
      expect(response.status).toBe(200);
      return firstAnswer('invoice_3');
    });
    expect(answer).toContain('invoice.paid');
  });

  it('by a CSV file', async () => {
    const csv = join(dir, 'orders.csv');
    const map = join(dir, 'map.ts');
    writeFileSync(csv, `order,placed,total\norder_4,${WHEN},42.00\n`);
    writeFileSync(
      map,
      `export default { name: 'orders', version: 1, map({ value }) {
        const { order, placed } = value();
        return { source: 'shop', event_type: 'order.placed', entity_id: order, event_time: placed, received_at: placed };
      } };`,
    );
    const answer = await timed('CSV', async () => {
      const args = ['import', csv, '--map', map, '--url', server.url];
      const shown = await runPik(...args, '--dry-run');
      expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining('nothing was sent')]);
      expect((await runPik(...args)).code).toBe(0);
      return firstAnswer('order_4');
    });
    expect(answer).toContain('order.placed');
  });
});
