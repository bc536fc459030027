import { hasWal2json, isInstalled } from '@pik/testkit/fixtures/servers/server';
import { type AddressedServer, startPostgres } from '@pik/testkit/fixtures/servers/servers';
import { describeTapContract } from '@pik/testkit/taps';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { mapLine } from '../src/map-line.ts';
import { wal2jsonMap } from '../src/maps/wal2json-map.ts';
import { openPostgresTap, type PostgresTapOptions } from '../src/postgres.ts';
import type { Tap, TapRecord } from '../src/tap.ts';

describe.skipIf(!isInstalled('initdb', 'pg_isready') || !hasWal2json())('over a server of PostgreSQL', () => {
  let server: AddressedServer;
  let client: pg.Client;
  const connect = async () => {
    const opened = new pg.Client(server.url);
    await opened.connect();
    return opened;
  };
  beforeAll(async () => {
    server = await startPostgres();
    client = await connect();
    await client.query('CREATE TABLE records (n serial PRIMARY KEY, record text)');
  });
  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });
  const openSlot = (slot: string, rest: Partial<PostgresTapOptions> = {}) =>
    openPostgresTap({ connectionString: server.url, slot, create: true, waitMs: 0, ...rest });

  describeTapContract('of a slot of PostgreSQL', async () => {
    const open = () => openSlot('contract', { tables: ['public.records'] });
    await (await open()).close();
    return {
      open,
      async put(texts) {
        await client.query('BEGIN');
        for (const text of texts) await client.query('INSERT INTO records (record) VALUES ($1)', [text]);
        await client.query('COMMIT');
      },
      textOf: (record) => JSON.parse(record).columns[1].value,
      close: async () => {},
    };
  });

  const never = new AbortController().signal;
  /** Reads and commits until there is no more. */
  const drained = async (tap: Tap): Promise<TapRecord[]> => {
    const records: TapRecord[] = [];
    for (let batch = await tap.read(never); batch !== null; batch = await tap.read(never)) {
      records.push(...batch.records);
      await tap.commit(batch.token);
    }
    return records;
  };

  it('reads a transaction that began before another one and was committed after it', async () => {
    await (await openSlot('interleaved')).close();
    const [first, second] = [await connect(), await connect()];
    const insert = (by: pg.Client, text: string) => by.query('INSERT INTO records (record) VALUES ($1)', [text]);
    await second.query('BEGIN');
    await insert(second, 'late');
    await first.query('BEGIN');
    await insert(first, 'early');
    await first.query('COMMIT');
    const tap = await openSlot('interleaved');
    expect(await drained(tap)).toHaveLength(1);
    await tap.close();
    await second.query('COMMIT');
    const again = await openSlot('interleaved');
    const texts = (await drained(again)).map(({ bytes }) => JSON.parse(String(bytes)).columns[1].value);
    expect(texts).toEqual(['late']);
    await again.close();
    await Promise.all([first.end(), second.end()]);
  });

  it('moves its slot past changes of tables that it does not read, so that the server may remove their log', async () => {
    await client.query('CREATE TABLE other (n int)');
    const tap = await openSlot('filtered', { tables: ['public.nothing'] });
    const confirmed = async () => {
      const { rows } = await client.query(
        "SELECT confirmed_flush_lsn AS lsn FROM pg_replication_slots WHERE slot_name = 'filtered'",
      );
      return rows[0].lsn as string;
    };
    const before = await confirmed();
    await client.query('INSERT INTO other SELECT generate_series(1, 1000)');
    const { rows } = await client.query('SELECT pg_current_wal_flush_lsn() AS lsn');
    let isPast = false;
    while (!isPast) {
      expect(await drained(tap)).toEqual([]);
      const past = await client.query('SELECT $1::pg_lsn > $2::pg_lsn AND $1::pg_lsn >= $3::pg_lsn AS past', [
        await confirmed(),
        before,
        rows[0].lsn,
      ]);
      isPast = past.rows[0].past;
    }
    await tap.close();
  });

  it('gives each copied row an id of its own, and the same one each time', async () => {
    await (await openSlot('copied')).close();
    await client.query("INSERT INTO records (record) SELECT 'copy' FROM generate_series(1, 3000)");
    const first = await openSlot('copied');
    const ids = new Set<string | null>();
    for (let batch = await first.read(never); batch !== null && ids.size < 3_000; batch = await first.read(never))
      for (const { id } of batch.records) ids.add(id);
    await first.close();
    const second = await openSlot('copied');
    const again = await drained(second);
    await second.close();
    expect(ids.size).toBe(3_000);
    expect(again.map(({ id }) => id)).toEqual([...ids]);
  });

  it('reads a row with its digits, its key, the time of its commit, and a deletion as null', async () => {
    await client.query('CREATE TABLE prices (shop text, item int, price numeric, PRIMARY KEY (shop, item))');
    await (await openSlot('prices')).close();
    await client.query("INSERT INTO prices VALUES ('s', 7, 1.10)");
    await client.query('UPDATE prices SET price = 12345678901234567890.10');
    await client.query('DELETE FROM prices');
    const tap = await openSlot('prices', { tables: ['public.prices'] });
    const lines = (await drained(tap)).map((record) => mapLine(wal2jsonMap({ source: 'db' }), record).line ?? '');
    await tap.close();
    const payloads = lines.map((line) => /"payload":(.*)\}$/.exec(line)?.[1]);
    expect(payloads).toEqual([
      '{"shop":"s","item":7,"price":1.10}',
      '{"shop":"s","item":7,"price":12345678901234567890.10}',
      'null',
    ]);
    expect(lines.map((line) => JSON.parse(line).fields)).toMatchObject(
      ['insert', 'update', 'delete'].map((action) => ({
        ...{ source: 'db', event_type: `prices.${action}`, entity_id: 's,7' },
        ...{
          event_time: expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:.]+\+00:00$/),
          idempotency_key: expect.any(String),
        },
      })),
    );
  });

  it('refuses a slot that is absent, and one with another plugin', async () => {
    await expect(openSlot('absent', { create: false })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await client.query("SELECT pg_create_logical_replication_slot('other_plugin', 'pgoutput')");
    await expect(openSlot('other_plugin')).rejects.toThrow(/has the plugin pgoutput/);
  });
});
