import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineMonitor } from '@pik/schema';
import { createMemoryBackend } from '@pik/testkit';
import { setupOver } from '@pik/testkit/fixtures/functions/functions';
import { invocation } from '@pik/testkit/fixtures/functions/gateway';
import { expect, it } from 'vitest';

import { open } from '../src/watcher.ts';

const SECRET = Buffer.from('thirty-two bytes, more or less ..').toString('base64');
const quiet = defineMonitor({ name: 'quiet', kind: 'silence', source: 'shop', after_ms: 60_000 });

it('the watcher sends one message about an incident, however often the schedule calls it', async () => {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    bodies.push(Buffer.concat(parts).toString());
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const setup = setupOver(createMemoryBackend());
  const watch = await open({
    ...setup,
    variables: { ...setup.variables, HOOK: SECRET },
    monitors: [quiet],
    sinks: { ops: { kind: 'webhook', url, secret_env: 'HOOK' } },
    publicUrl: 'https://kit.example',
  });
  for (let run = 0; run < 3; run++) await watch({}, invocation('watcher'));
  expect(bodies.map((body) => JSON.parse(body).data)).toMatchObject([
    { monitor: 'quiet', state: 'FIRING', link: expect.stringMatching(/^https:\/\/kit\.example\/ui\/gaps/) },
  ]);
  server.closeAllConnections();
  server.close();
});

it('the watcher does not start without the variable of a sink, or with a sink that is not declared', async () => {
  const setup = setupOver(createMemoryBackend());
  const sinks = { ops: { kind: 'slack', url_env: 'SLACK_URL' } } as const;
  await expect(open({ ...setup, sinks })).rejects.toThrow('SLACK_URL');
  await expect(open({ ...setup, monitors: [{ ...quiet, sinks: ['ops'] }] })).rejects.toThrow('ops');
});

it('the watcher begins no check when its time is nearly over', async () => {
  const backend = createMemoryBackend();
  const watch = await open({ ...setupOver(backend), monitors: [quiet] });
  await watch({}, invocation('watcher', 20_000));
  expect(await backend.monitors.list()).toEqual([]);
});
