import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ServedPik, serve, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

const record = (n: number, received_at: string) =>
  JSON.stringify({
    source: n > 2 ? 'ios_app' : 'shop',
    event_type: 'order.placed',
    entity_id: 'user_1',
    event_time: `2025-12-28T10:00:0${n}Z`,
    received_at,
    payload: { n },
  });

describe('pik explain change', () => {
  let server: ServedPik;
  const dir = temporaryDir();
  const value = ['--metric', 'daily_event_count', '--key', 'user_1', '--window', '2025-12-28'];
  const ask = (...args: string[]) => runPik('explain', 'change', ...value, ...args, '--url', server.url);
  beforeAll(async () => {
    server = await serve(join(dir, 'data'));
    const file = join(dir, 'events.ndjson');
    const records = [
      record(1, '2025-12-28T12:00:00Z'),
      record(2, '2025-12-28T12:00:00Z'),
      record(3, '2025-12-29T05:00:00Z'),
      record(4, '2025-12-29T13:00:00Z'),
    ];
    writeFileSync(file, `${records.join('\n')}\n`);
    expect((await runPik('import', file, '--url', server.url)).code).toBe(0);
  });
  afterAll(async () => {
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
  });

  it('prints the sentence, the classes, and the events behind them', async () => {
    const { stdout, code } = await ask('--from', '2025-12-28T23:00:00Z');
    expect(code).toBe(0);
    const [sentence] = stdout.split('\n');
    expect(sentence).toContain('2025-12-28: 2 → 4 (+2): +2 late from ios_app, 18 h 59 min to 1 d 2 h after the event.');
    expect(stdout).toMatch(/LATE +2 +4 +2 +0/);
    expect(stdout.match(/CAME +LATE +ios_app +order\.placed +user_1/g)).toHaveLength(2);
    expect(stdout).toContain('the parts are exact');
  });

  it('prints the object that the route answers with --json', async () => {
    const args = ['--from', '2025-12-28T23:00:00Z', '--to', '2025-12-29T06:00:00Z', '--json'];
    const change = JSON.parse((await ask(...args)).stdout);
    expect(change).toMatchObject({
      delta: 1,
      exact: true,
      classes: [{ class: 'LATE', contribution: 1 }],
      events_total: 1,
    });
  });

  it('reports a missing argument in one line, and leaves `pik explain` unchanged', async () => {
    const { stderr, code } = await ask();
    expect([code, stderr]).toEqual([1, expect.stringContaining('VERSION_UNKNOWN')]);
    const story = ['explain', '--entity', 'user_1', '--time', '2025-12-28T10:00:01Z', '--url', server.url];
    expect((await runPik(...story)).code).toBe(0);
  });
});
