import http from 'node:http';
import type { AddressInfo } from 'node:net';

import { createProducer } from '@pik/sdk';
import { afterEach, describe, expect, it } from 'vitest';

import { get, world as open, type StartService, until, type World } from '../support/service.ts';

const REQUESTS = 400;
const AT_A_TIME = 20;
const BUFFER_MAX = 50;

/** X5, O21, H11: whatever the backend does, the service answers as without it, and the queue is bounded. */
export function describeTroubledBackend(start: StartService): void {
  let world: World;
  const closing: (() => void)[] = [];
  afterEach(async () => {
    await world.close();
    for (const close of closing.splice(0)) close();
  });

  async function url(listener: http.RequestListener | null): Promise<string> {
    const server = http.createServer(listener ?? (() => {}));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    if (listener === null) await new Promise((resolve) => server.close(resolve));
    else closing.push(() => server.close().closeAllConnections());
    return `http://127.0.0.1:${port}`;
  }

  const backends: Record<string, http.RequestListener | null> = {
    'never answers': () => {},
    'refuses everything': (_, response) => response.writeHead(503).end('busy'),
    'refuses the key': (_, response) =>
      response
        .writeHead(401, { 'content-type': 'application/problem+json' })
        .end('{"code":"UNAUTHENTICATED","status":401}'),
    'answers something else': (_, response) => response.end('<html>welcome to the hotel</html>'),
    'answers JSON that is not ours': (_, response) => response.end('{"results":[1,2,{"status":"ACCEPTED"}]}'),
    'cuts each connection': (request) => request.socket.destroy(),
    'is gone': null,
  };
  for (const [name, listener] of Object.entries(backends))
    it(`a backend that ${name}`, async () => {
      const limits = { bufferCountMax: BUFFER_MAX, batchCountMax: 10, requestTimeoutMs: 60_000, deadlineMs: 60_000 };
      const producer = createProducer({ url: await url(listener), source: 'shop', log: () => {}, ...limits });
      world = await open(start, { producer, capture: { requestHeaders: true } });
      let pendingMax = 0;
      let left = REQUESTS;
      const worker = async () => {
        while (left-- > 0) {
          const answer = await get({ port: world.port, path: '/emit' });
          expect(answer).toMatchObject({ status: 200, text: '{"emitted":true}' });
          pendingMax = Math.max(pendingMax, producer.stats().pending);
        }
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, worker));
      await until(() => world.service.stats().open === 0);
      expect(world.service.stats()).toMatchObject({ requests: REQUESTS, emitted: REQUESTS, failed: 0 });
      expect(pendingMax).toBeGreaterThan(0);
      expect(pendingMax).toBeLessThanOrEqual(BUFFER_MAX);
      await producer.close({ signal: AbortSignal.abort() });
      const { emitted, undelivered } = producer.stats();
      expect([emitted, undelivered]).toEqual([2 * REQUESTS, 2 * REQUESTS]);
    });

  describe('an internal fault', () => {
    it('a producer that throws fails no request, and is counted', async () => {
      const emit = () => {
        throw new Error('broken');
      };
      world = await open(start, { producer: { emit } as never });
      expect((await world.get('/hello/1')).status).toBe(200);
      await until(() => world.service.stats().open === 0);
      expect(world.service.stats()).toMatchObject({ requests: 1, emitted: 0, failed: 1 });
    });

    it('O9: a closed producer does not affect the service', async () => {
      world = await open(start);
      await world.producer.close();
      expect((await world.get('/emit')).status).toBe(200);
      await until(() => world.service.stats().open === 0);
      expect(world.producer.stats()).toMatchObject({ emitted: 2, undelivered: 2 });
    });
  });
}
