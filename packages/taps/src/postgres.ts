import { setTimeout as sleep } from 'node:timers/promises';
import { KitError } from '@pik/schema';
import type { Client } from 'pg';

import { loadClient } from './load-client.ts';
import {
  BATCH_BYTES_MAX,
  BATCH_RECORDS_MAX,
  READ_WAIT_MS,
  type Tap,
  type TapBatch,
  type TapOptions,
  type TapRecord,
} from './tap.ts';

/** A logical replication slot of PostgreSQL. */
export interface PostgresTapOptions extends TapOptions {
  /** `postgres://user:password@host/database`; the user needs the attribute `REPLICATION`. Default: the variables `PGHOST`, `PGUSER` … */
  readonly connectionString?: string | undefined;
  readonly slot: string;
  /** Creates the slot if there is none: it keeps the changes from then on. Default: false. */
  readonly create?: boolean | undefined;
  /** Tables whose changes are read, such as `public.orders` or `public.*`. Default: all. */
  readonly tables?: readonly string[] | undefined;
}

const POLL_MS = 200;
const PLUGIN = 'wal2json';
/** Changes after which a pass over the slot ends, at the end of a transaction. */
const PASS_CHANGES = 10_000;
const CURSOR = 'pik_tap';

/**
 * Opens a slot of logical replication with the plugin wal2json: a record is the change of one row as JSON, in the order of commits. The
 * position is that of the slot, which PostgreSQL keeps. It moves past a transaction once all of its records are committed here.
 *
 * @throws KitError `CONFIG_INVALID` for a slot that is absent or has another plugin, and if `pg` is not installed.
 */
export async function openPostgresTap(options: PostgresTapOptions): Promise<Tap> {
  const { default: pg } = await loadClient(() => import('pg'), 'pg');
  const connect = async (): Promise<Client> => {
    const { connectionString } = options;
    const client = new pg.Client({ ...(connectionString === undefined ? {} : { connectionString }), keepAlive: true });
    // A lost connection fails the next query; without a listener it would end the process.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const control = await connect();
  try {
    await useSlot(control, options);
    return new PostgresTap({ control, reader: await connect() }, options);
  } catch (error) {
    await control.end();
    throw error;
  }
}

async function useSlot(client: Client, { slot, create = false }: PostgresTapOptions): Promise<void> {
  const { rows } = await client.query<{ plugin: string | null }>(
    'SELECT plugin FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  );
  const [row] = rows;
  if (row === undefined && !create)
    throw new KitError('CONFIG_INVALID', `there is no replication slot ${slot}; --create makes it`);
  if (row === undefined) await client.query('SELECT pg_create_logical_replication_slot($1, $2)', [slot, PLUGIN]);
  else if (row.plugin !== PLUGIN)
    throw new KitError('CONFIG_INVALID', `the slot ${slot} has the plugin ${row.plugin}; the tap needs ${PLUGIN}`);
}

interface Change {
  readonly lsn: string;
  readonly data: string;
}

/** One session reads what the slot holds through a cursor, so that a large transaction fits in memory; the other one moves the slot. */
interface Sessions {
  readonly control: Client;
  readonly reader: Client;
}

class PostgresTap implements Tap {
  readonly name: string;
  readonly #sessions: Sessions;
  readonly #options: PostgresTapOptions;
  /** Rows of the pass that is open; null if none is. */
  #pass: { rows: number } | null = null;
  /** The end of the last transaction that was read whole. */
  #end: string | null = null;
  /** The place to which the slot was moved. */
  #moved: string | null = null;
  readonly #batches = { read: 0, committed: 0 };
  /** A place between two records of the log, and whether the log was flushed up to there when the pass began. */
  #mark: { readonly lsn: string; isRead: boolean } | null = null;
  #last = { lsn: '', count: 0 };

  constructor(sessions: Sessions, options: PostgresTapOptions) {
    this.#sessions = sessions;
    this.#options = options;
    this.name = `slot ${options.slot}`;
  }

  async read(signal: AbortSignal): Promise<TapBatch | null> {
    const { waitMs = READ_WAIT_MS } = this.#options;
    for (let waitedMs = 0; !signal.aborted; waitedMs += POLL_MS) {
      const isSettled = this.#batches.committed === this.#batches.read;
      // A pass begins at the place of the slot, so it would read again what is not committed.
      const records = this.#pass !== null || isSettled ? await this.#next() : [];
      if (records.length > 0) {
        this.#batches.read += 1;
        return { records, token: `${this.#batches.read} ${this.#end ?? ''}` };
      }
      if (isSettled && this.#pass === null) await this.#moveTo(this.#end);
      if (waitedMs >= waitMs) return null;
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
    return null;
  }

  /** Inside a large transaction there is no place to move to: after a crash its records come again, with the same ids. */
  async commit(token: string): Promise<void> {
    const [batch, end = ''] = token.split(' ');
    await this.#moveTo(end === '' ? null : end);
    this.#batches.committed = Number(batch);
  }

  async close(): Promise<void> {
    await Promise.all([this.#sessions.control.end(), this.#sessions.reader.end()]);
  }

  async #moveTo(end: string | null): Promise<void> {
    if (end === null || end === this.#moved) return;
    await this.#sessions.control.query('SELECT pg_replication_slot_advance($1, $2)', [this.#options.slot, end]);
    this.#moved = end;
  }

  async #next(): Promise<TapRecord[]> {
    const pass = this.#pass ?? (await this.#beginPass());
    const records: TapRecord[] = [];
    for (let bytes = 0; records.length < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX; ) {
      const wanted = BATCH_RECORDS_MAX - records.length;
      const { rows } = await this.#sessions.reader.query<Change>(`FETCH ${wanted} FROM ${CURSOR}`);
      for (const row of rows) {
        bytes += row.data.length;
        const record = this.#recordOf(row);
        if (record !== null) records.push(record);
      }
      pass.rows += rows.length;
      if (rows.length > 0) continue;
      await this.#endPass(pass);
      break;
    }
    return records;
  }

  async #beginPass(): Promise<{ rows: number }> {
    const { control, reader } = this.#sessions;
    const { slot, tables } = this.#options;
    const { rows } = await control.query<{ next: string; flushed: boolean }>(
      'SELECT pg_current_wal_insert_lsn()::text AS next, coalesce($1::pg_lsn <= pg_current_wal_flush_lsn(), false) AS flushed',
      [this.#mark?.lsn ?? null],
    );
    const [log] = rows;
    if (this.#mark === null) this.#mark = log === undefined ? null : { lsn: log.next, isRead: false };
    else this.#mark.isRead = log?.flushed === true;
    const settings = {
      ...{ 'format-version': '2', 'include-timestamp': '1', 'include-pk': '1', 'include-xids': '1' },
      ...(tables === undefined ? {} : { 'add-tables': tables.join(',') }),
    };
    const literals = [slot, ...Object.entries(settings).flat()].map((text) => reader.escapeLiteral(text));
    const [name, ...pairs] = literals;
    await reader.query('BEGIN');
    await reader.query(
      `DECLARE ${CURSOR} CURSOR FOR SELECT lsn::text, data FROM pg_logical_slot_peek_changes(${name}, NULL, ${PASS_CHANGES}, ${pairs.join(', ')})`,
    );
    this.#pass = { rows: 0 };
    return this.#pass;
  }

  async #endPass({ rows }: { rows: number }): Promise<void> {
    this.#pass = null;
    await this.#sessions.reader.query('COMMIT');
    if (this.#mark?.isRead !== true) return;
    // The slot holds nothing before the mark, so the server need not keep the log up to there for it.
    if (rows === 0) this.#end = this.#mark.lsn;
    this.#mark = null;
  }

  /** The record of a change; null for the begin and the end of a transaction. */
  #recordOf({ lsn, data }: Change): TapRecord | null {
    const action = /^\{"action":"(.)"/.exec(data)?.[1] ?? '';
    if (action === 'C') this.#end = lsn;
    if (action === 'B' || action === 'C') return null;
    // Rows that one statement has copied may share a place.
    this.#last = { lsn, count: lsn === this.#last.lsn ? this.#last.count + 1 : 0 };
    const id = `${lsn}/${this.#last.count}`;
    return { bytes: Buffer.from(data), id, storedMs: null, key: null, facts: { slot: this.#options.slot, lsn } };
  }
}
