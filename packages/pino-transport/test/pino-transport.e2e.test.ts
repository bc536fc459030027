import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInvestigator } from '@pik/sdk/investigator';
import pino from 'pino';
import { afterAll, expect, it, vi } from 'vitest';

import { eventOf } from '../src/event-of.ts';
import pinoTransport from '../src/index.ts';

// pino itself as the caller: the built transport in its worker thread, and a served kit in another process, because pino
// holds up its own thread until the transport has ended.

const dir = mkdtempSync(join(tmpdir(), 'pik-pino-'));
const main = join(import.meta.dirname, '../../cli/dist/main.js');
const server = spawn(process.execPath, [main, 'serve', '--port', '0', '--data', join(dir, 'data')]);
afterAll(async () => {
  const ended = once(server, 'close');
  server.kill('SIGTERM');
  await ended;
  rmSync(dir, { recursive: true });
});

it('sends every line of pino as an event of its own', async () => {
  const url = await new Promise<string>((done) => {
    let output = '';
    server.stdout.on('data', (chunk) => {
      output += String(chunk);
      const found = /http:\/\/\S+/.exec(output)?.[0];
      if (found !== undefined) done(found);
    });
  });
  const transport = pino.transport({
    target: join(import.meta.dirname, '../dist/index.js'),
    options: { url, source: 'checkout', entity_members: ['user_id', 'req.id'] },
  });
  const log = pino(transport);
  log.info({ event: 'order.placed', user_id: 'user_1', total: 1.5 }, 'placed');
  log.error({ req: { id: 7 } }, 'failed');
  for (let i = 0; i < 500; i += 1) log.warn('the same line');
  transport.end();
  await once(transport, 'close');

  const ask = createInvestigator({ url });
  const eventsOf = async (entity_id: string) => {
    const events: object[] = [];
    for await (const { body = '' } of ask.readEvents({ entity_id })) events.push(JSON.parse(body));
    return events;
  };
  const placed = { source: 'checkout', event_type: 'order.placed', payload: { level: 30, total: 1.5, msg: 'placed' } };
  expect(await eventsOf('user_1')).toMatchObject([placed]);
  expect(await eventsOf('7')).toMatchObject([{ event_type: 'log', payload: { level: 50, msg: 'failed' } }]);
  expect(await eventsOf('checkout')).toHaveLength(500);
});

it('ends although the kit is away, and says how many lines have no answer', async () => {
  const errors = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  // Nothing listens on port 1.
  const transport = pinoTransport({ url: 'http://127.0.0.1:1', source: 'checkout', close_ms: 50 });
  const log = pino(transport);
  log.info('one');
  log.info('two');
  transport.end();
  await once(transport, 'close');
  expect(errors.mock.calls.join()).toContain('2 log lines could not be delivered');
  errors.mockRestore();
});

it('reads a line that has nothing of an event too', () => {
  const options = { source: 's' };
  expect(eventOf('text', options)).toMatchObject({ event_type: 'log', entity_id: 's', payload: { msg: 'text' } });
  expect(eventOf({ time: 'never', event: 7, user_id: '' }, options)).toMatchObject({ event_type: '7', entity_id: 's' });
  const time = '2026-01-30T10:00:00.000Z';
  expect(eventOf({ time, userId: 'u' }, options)).toMatchObject({ entity_id: 'u', event_time: new Date(time) });
});
