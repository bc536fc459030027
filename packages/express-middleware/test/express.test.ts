// Behaviour specific to Express: other middleware that writes to the response, files, and ids from other middleware.
import { ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

import { createProducer } from '@pik/sdk';
import { eventsOf, scriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';
import { get, until } from '@pik/testkit/fixtures/request-events/service';
import express, { type Express, type RequestHandler } from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import { createExpressEvents } from '../src/index.ts';

const require = createRequire(import.meta.url);
const compression = require('compression') as () => RequestHandler;
const versions = { 'Express 4': require('express4') as typeof express, 'Express 5': express };

for (const [name, module] of Object.entries(versions))
  describe(name, () => {
    const closing: (() => unknown)[] = [];
    afterEach(async () => {
      for (const close of closing.splice(0)) await close();
    });

    async function serve(declare: (app: Express, events: RequestHandler) => void) {
      const backend = scriptedBackend();
      const producer = createProducer({ fetch: backend.fetch, source: 'shop', flushIntervalMs: 1 });
      const app = module();
      declare(app, createExpressEvents({ producer }));
      const server = app.listen(0, '127.0.0.1');
      await until(() => server.listening);
      closing.push(
        () => server.close().closeAllConnections(),
        () => producer.close(),
      );
      const payloads = async (count: number) => {
        await until(() => eventsOf(backend.requests).length >= count);
        await producer.flush();
        return eventsOf(backend.requests).map(({ payload }) => payload);
      };
      return { port: (server.address() as AddressInfo).port, payloads };
    }

    it('bytes are the bytes sent: after compression, wherever that is mounted', async () => {
      const text = 'x'.repeat(50_000);
      const send: RequestHandler = (_, response) => void response.type('text').send(text);
      const { port, payloads } = await serve((app, events) => {
        app.get('/small', events, compression(), send);
        app.get('/first', compression(), events, send);
      });
      const headers = { 'accept-encoding': 'gzip' };
      await get({ port, path: '/small', headers });
      await get({ port, path: '/first', headers });
      for (const { bytes } of await payloads(2)) {
        expect(bytes).toBeLessThan(1_000);
        expect(bytes).toBeGreaterThan(0);
      }
    });

    it('bytes are counted once if nested applications both have the middleware, and if written in pieces', async () => {
      const { port, payloads } = await serve((app, events) => {
        const inner = express();
        inner.use(events);
        inner.get('/pieces', (_, response) => {
          response.write('ä');
          response.write(Buffer.from('bc'));
          response.end('d');
        });
        inner.get('/whole', (_, response) => void response.end('whole'));
        app.use(events);
        app.use('/inner', inner);
      });
      for (const path of ['/inner/pieces', '/inner/whole']) await get({ port, path });
      expect((await payloads(2)).map(({ bytes }) => bytes)).toEqual([5, 5]);
    });

    it('methods that an application adds to its responses still run', async () => {
      const ends: unknown[] = [];
      const { port, payloads } = await serve((app, events) => {
        const { response } = app as unknown as { response: ServerResponse };
        response.end = function (this: ServerResponse, ...args: unknown[]) {
          ends.push(args[0]);
          return Reflect.apply(ServerResponse.prototype.end, this, args);
        };
        app.use(events);
        app.get('/own', (_, answer) => void answer.end('own'));
      });
      await get({ port, path: '/own' });
      expect(await payloads(1)).toMatchObject([{ bytes: 3 }]);
      expect(ends).toEqual(['own']);
    });

    it('a file has its bytes and no route of its own', async () => {
      const { port, payloads } = await serve((app, events) => app.use(events, express.static(import.meta.dirname)));
      const { text } = await get({ port, path: '/express.test.ts' });
      expect(await payloads(1)).toMatchObject([{ route: null, status: 200, bytes: Buffer.byteLength(text) }]);
    });

    it('the request id is the one from other middleware, mounted before or after', async () => {
      const giveId: RequestHandler = (request, _, next) => {
        Object.assign(request, { id: 'given' });
        next();
      };
      const { port, payloads } = await serve((app, events) => {
        app.get('/before', giveId, events, (_, response) => void response.end());
        app.get('/after', events, giveId, (_, response) => void response.end());
      });
      for (const path of ['/before', '/after']) await get({ port, path, headers: { 'x-request-id': 'other' } });
      expect((await payloads(2)).map(({ request_id }) => request_id)).toEqual(['given', 'given']);
    });

    it('an error that Express answers itself has its event', async () => {
      const { port, payloads } = await serve((app, events) => {
        app.set('env', 'test');
        app.use(events);
        app.get('/fails', () => {
          throw Object.assign(new Error('no'), { status: 422 });
        });
      });
      await get({ port, path: '/fails' });
      expect(await payloads(1)).toMatchObject([{ route: '/fails', status: 422 }]);
    });
  });
