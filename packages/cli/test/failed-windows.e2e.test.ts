import { join } from 'node:path';

import type { DeadLetter, FailuresReport, ReplayView } from '@pik/schema';
import { expect, it } from 'vitest';

import { sendEvents, serve, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

// A payload that a metric cannot read, as it appears to a user at a terminal.

const CONFIG = ['--config', join(import.meta.dirname, 'strides.pik.config.ts')];
const RANGE = ['--from', '2025-12-27T00:00:00Z', '--to', '2025-12-28T00:00:00Z'];

const walked = (source: string, entity_id: string, steps: unknown) => ({
  source,
  event_type: 'walked',
  entity_id,
  event_time: '2025-12-27T10:00:00Z',
  payload: { steps },
});

it('pik replay ends with the reason and status 1 when the open windows are dead letters; each command names window and event', async () => {
  const server = await serve(temporaryDir(), CONFIG);
  const url = ['--url', server.url];
  const events = [
    walked('watch', 'anna', [{ count: 4 }]),
    walked('watch', 'ben', [{ count: 6 }]),
    walked('phone', 'carla', null),
  ];
  expect((await sendEvents(server.url, events)).status).toBe(200);
  const replay = ['replay', ...RANGE, '--metric', 'strides', '--reason', 'a test', '--timeout', '3600', ...url];
  const { code, stdout } = await runPik(...replay);
  expect([code, stdout]).toEqual([1, expect.stringMatching(/touched: 3, recomputed: 2, with a new version: 2/)]);
  const named =
    /AGGREGATE_FAILED: strides, key carla, window 2025-12-27: a function threw at the event (\w{47}) of phone/;
  expect(stdout).toMatch(named);
  expect(stdout).toMatch(/dead-letters --redrive/);
  const event_id = named.exec(stdout)?.[1];
  const letters = await runPik('dead-letters', '--json', ...url);
  const [letter] = JSON.parse(letters.stdout) as DeadLetter[];
  expect(letter?.detail).toContain(event_id);
  const { groups } = JSON.parse((await runPik('failures', '--json', ...url)).stdout) as FailuresReport;
  expect(groups).toMatchObject([{ group: { source: 'phone' }, count: 1, windows: [{ key: 'carla', event_id }] }]);
  expect((await runPik('failures', ...url)).stdout).toMatch(/phone.*strides, key carla/);
  expect((await runPik('rejects', ...url)).stdout).toMatch(/strides, key carla.*phone walked/);
  const computed = await runPik('compute', '--metric', 'strides', '--key', 'carla', '--window', '2025-12-27', ...url);
  expect(computed.stderr).toContain(event_id);
  // A later question about the replay finds the same failures at once.
  const resumed = await runPik('replay', '--resume', letter?.replay_id ?? '', '--timeout', '3600', '--json', ...url);
  const view = JSON.parse(resumed.stdout) as ReplayView;
  expect([resumed.code, view.windows.failed, view.failures[0]?.event_id]).toEqual([1, 1, event_id]);
  server.child.kill('SIGTERM');
  await server.ended;
});
