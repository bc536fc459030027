import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createInvestigator } from '@pik/sdk/investigator';
import { kills } from '@pik/testkit/budget';
import { hasWal2json, isInstalled } from '@pik/testkit/fixtures/servers/server';
import { startPostgres, startRedis } from '@pik/testkit/fixtures/servers/servers';
import { createClient } from '@redis/client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { pik, type ServedPik, serve, startPik, temporaryDir } from '../served.ts';

// `pik tap` over real servers, killed without warning at a moment that chance decides, while records arrive.

const dir = temporaryDir();
let server: ServedPik;
beforeAll(async () => {
  server = await serve(join(dir, 'data'));
});
afterAll(async () => {
  server.child.kill('SIGTERM');
  await server.ended;
  rmSync(dir, { recursive: true });
});

/** The numbers in the events of an entity; each event once. */
async function numbersOf(entity_id: string): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { mapped = '' } of createInvestigator({ url: server.url }).readEvents({ entity_id }))
    numbers.push(JSON.parse(mapped).payload.n);
  return numbers.toSorted((a, b) => a - b);
}

/** Puts numbers while the tap is killed and started again; returns how many were put. */
async function killWhile(args: readonly string[], put: (n: number) => Promise<unknown>): Promise<number> {
  let n = 0;
  for (let life = 0; life < kills(40); life += 1) {
    const tap = startPik(['tap', ...args, '--url', server.url]);
    while (!tap.stderr().includes('reading ')) {
      await put(++n);
      await sleep(5);
    }
    const more = Math.random() * 200;
    for (let i = 0; i < more; i += 1) await put(++n);
    tap.child.kill('SIGKILL');
    expect(await tap.ended).toBe('SIGKILL');
  }
  return n;
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe.skipIf(!isInstalled('redis-server'))('a tap of Redis', () => {
  it('loses nothing and counts nothing twice when it is killed, and ends in order', async () => {
    const redis = await startRedis();
    const client = await createClient({ url: redis.url }).connect();
    const args = ['redis', '--from', redis.url, '--stream', 'numbers'];
    const put = (n: number) => client.xAdd('numbers', '*', { data: JSON.stringify({ n }) });
    const count = await killWhile(args, put);
    const drained = await pik(['tap', ...args, '--url', server.url, '--drain', '--json']);
    expect([drained.code, JSON.parse(drained.stdout).counts.REJECTED]).toEqual([0, undefined]);
    expect(await numbersOf('numbers')).toEqual(upTo(count));

    const running = startPik(['tap', ...args, '--url', server.url]);
    while (!running.stderr().includes('reading ')) await sleep(5);
    running.child.kill('SIGTERM');
    expect(await running.ended).toBe(0);

    // A record that no map can read is kept as rejected, and holds up no other.
    const map = join(dir, 'map.ts');
    writeFileSync(
      map,
      `export default { name: 'numbers', version: 2, map: ({ value }) => ({
        source: 'n', event_type: 'number', entity_id: 'mapped', event_time: '2026-01-30T10:00:00Z', payload: { n: value().n } }) };`,
    );
    await client.xAdd('numbers', '*', { data: 'not JSON' });
    await put(-1);
    const mapped = await pik(['tap', ...args, '--url', server.url, '--drain', '--map', map, '--json']);
    expect([mapped.code, JSON.parse(mapped.stdout).counts]).toEqual([1, { ACCEPTED: 1, REJECTED: 1 }]);
    expect(await numbersOf('mapped')).toEqual([-1]);
    client.destroy();
    await redis.stop();
    const lost = await pik(['tap', ...args, '--url', server.url, '--drain']);
    expect([lost.code, lost.stderr]).toEqual([3, expect.stringContaining('ECONNREFUSED')]);
  });
});

describe.skipIf(!isInstalled('initdb', 'pg_isready') || !hasWal2json())('a tap of PostgreSQL', () => {
  it('loses nothing and counts nothing twice when it is killed', async () => {
    const postgres = await startPostgres();
    const client = new pg.Client(postgres.url);
    await client.connect();
    await client.query('CREATE TABLE amounts (n int)');
    const args = ['postgres', '--from', postgres.url, '--slot', 'pik', '--create', '--table', 'public.amounts'];
    expect((await pik(['tap', ...args, '--url', server.url, '--drain'])).code).toBe(0);
    const count = await killWhile(args, (n) => client.query('INSERT INTO amounts VALUES ($1)', [n]));
    expect((await pik(['tap', ...args, '--url', server.url, '--drain'])).code).toBe(0);
    expect(await numbersOf('amounts')).toEqual(upTo(count));
    await client.end();
    await postgres.stop();
  });
});
