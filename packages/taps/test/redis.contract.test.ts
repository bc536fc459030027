import { isInstalled } from '@pik/testkit/fixtures/servers/server';
import { startRedis } from '@pik/testkit/fixtures/servers/servers';
import { describeTapContract } from '@pik/testkit/taps';
import { createClient } from '@redis/client';
import { describe } from 'vitest';
import { openRedisTap } from '../src/redis.ts';

describe.skipIf(!isInstalled('redis-server'))('over a server of Redis', () => {
  describeTapContract('of a stream of Redis', async () => {
    const server = await startRedis();
    const client = await createClient({ url: server.url }).connect();
    return {
      open: () => openRedisTap({ url: server.url, stream: 'orders', waitMs: 20 }),
      async put(texts) {
        for (const text of texts) await client.xAdd('orders', '*', { data: text });
      },
      async close() {
        client.destroy();
        await server.stop();
      },
    };
  });
});
