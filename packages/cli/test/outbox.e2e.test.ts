// Outboxes that no process will open again: `pik outbox list` shows their pending records, `pik outbox drain` sends
// them.
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createProducer } from '@pik/sdk';
import { openOutbox } from '@pik/sdk/outbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ServedPik, serve, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

const AWAY = 'http://127.0.0.1:1';
const dir = temporaryDir();
const boxes = join(dir, 'boxes');
let server: ServedPik;
beforeAll(async () => {
  server = await serve(join(dir, 'data'));
  // Folder names that workers of an earlier deployment used.
  for (const name of ['worker-1', 'worker-2']) {
    const outbox = await openOutbox({ dir: join(boxes, name) });
    const producer = createProducer({ url: AWAY, source: 'svc', outbox, log: () => {} });
    for (let n = 0; n < 3; n++) producer.emit('order.placed', { n, name }, { entity_id: 'e' });
    await producer.close();
  }
});
afterAll(async () => {
  server.child.kill('SIGTERM');
  await server.ended;
});

const json = (text: string) => JSON.parse(text);

describe('pik outbox', () => {
  it('reports a folder without outboxes, and creates none', async () => {
    mkdirSync(join(dir, 'empty'));
    expect(await runPik('outbox', 'list', join(dir, 'empty'))).toMatchObject({ code: 0 });
    const missing = await runPik('outbox', 'list', join(dir, 'missing'));
    expect(missing.stderr).toMatch(/DATA_DIR_UNUSABLE: .*missing cannot be read \(ENOENT\)/);
    const drained = await runPik('outbox', 'drain', join(dir, 'empty'), '--url', server.url);
    expect(drained.stderr).toMatch(/CONFIG_INVALID: there is no outbox in/);
    expect(readdirSync(join(dir, 'empty'))).toEqual([]);
  });

  it('lists the pending records of outboxes that no process has open', async () => {
    const { code, stdout } = await runPik('outbox', 'list', boxes, '--json');
    expect(code).toBe(1);
    expect(json(stdout)).toMatchObject([
      { dir: join(boxes, 'worker-1'), owner_pid: null, pending_count: 3 },
      { dir: join(boxes, 'worker-2'), owner_pid: null, pending_count: 3 },
    ]);
  });

  it('leaves everything in place while the server is down, and says why', async () => {
    const { code, stdout } = await runPik('outbox', 'drain', boxes, '--url', AWAY, '--json');
    expect(code).toBe(1);
    const left = { sent: 0, left: 3, why: expect.stringMatching(/^NETWORK: .*ECONNREFUSED/) };
    expect(json(stdout)).toMatchObject([left, left]);
  });

  it('drains outboxes that no process has open, and leaves the others to their owners', async () => {
    const outbox = await openOutbox({ dir: join(boxes, 'worker-2') });
    const first = await runPik('outbox', 'drain', boxes, '--url', server.url, '--json');
    expect(first.code).toBe(1);
    expect(json(first.stdout)).toMatchObject([
      { sent: 3, left: 0, why: null },
      { sent: 0, left: 3, why: `in use by process ${process.pid}, which sends its records` },
    ]);
    await outbox.close();
    const second = await runPik('outbox', 'drain', join(boxes, 'worker-2'), '--url', server.url);
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(second.stdout).toMatch(/Sent: 3 records/);
    expect(await runPik('outbox', 'list', boxes)).toMatchObject({ code: 0 });
    const events = await runPik('events', '--entity', 'e', '--json', '--url', server.url);
    expect(events.stdout.trim().split('\n')).toHaveLength(6);
    expect(await runPik('outbox', 'drain', boxes, '--url', server.url)).toMatchObject({
      code: 0,
      stdout: 'No outbox has pending records.\n',
    });
  });
});
