import { KitError } from '@pik/schema';

import { loadClient } from './load-client.ts';
import { BATCH_RECORDS_MAX, READ_WAIT_MS, type Tap, type TapBatch, type TapOptions, type TapRecord } from './tap.ts';

/** A stream of Redis, read by a consumer group. */
export interface RedisTapOptions extends TapOptions {
  /** Default: `redis://127.0.0.1:6379`. */
  readonly url?: string | undefined;
  readonly stream: string;
  /** The group that keeps the position. It is created at the beginning of the stream if there is none. Default: `pik`. */
  readonly group?: string | undefined;
  /** This reader of the group; what it had read and not committed comes first again. Default: `pik`. */
  readonly consumer?: string | undefined;
  /** The field of an entry that is its record. Default: an entry with one field is that field, another one is a JSON object of all. */
  readonly field?: string | undefined;
}

/** Sends a command; its texts come as bytes. */
type Command = (args: readonly string[]) => Promise<unknown>;

/**
 * Opens a stream of Redis. A record is an entry. The position is that of the group, which Redis keeps: committed entries are
 * acknowledged. Entries that the stream was trimmed of before they were read are gone.
 *
 * @throws KitError `CONFIG_INVALID` if `@redis/client` is not installed.
 */
export async function openRedisTap(options: RedisTapOptions): Promise<Tap> {
  const { createClient, RESP_TYPES } = await loadClient(() => import('@redis/client'), '@redis/client');
  const { url = 'redis://127.0.0.1:6379', stream, group = 'pik', consumer = 'pik' } = options;
  const client = createClient({
    url,
    RESP: 2,
    socket: { reconnectStrategy: false, connectTimeout: 5_000 },
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  // A lost connection fails the next command; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  const command: Command = (args) => client.sendCommand([...args]);
  try {
    await command(['XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM']);
  } catch (error) {
    if (!/^BUSYGROUP/.test(error instanceof Error ? error.message : '')) {
      client.destroy();
      throw error;
    }
  }
  return new RedisTap({ command, close: () => client.destroy() }, { ...options, group, consumer });
}

interface Connection {
  readonly command: Command;
  readonly close: () => void;
}

type Settings = RedisTapOptions & { readonly group: string; readonly consumer: string };

interface Entry {
  readonly id: string;
  readonly fields: readonly Uint8Array[];
}

class RedisTap implements Tap {
  readonly name: string;
  readonly #connection: Connection;
  readonly #settings: Settings;
  /** Of the entries that this consumer had read and not acknowledged, the last one that was read again; null after all of them. */
  #pending: string | null = '0';
  /** The ids of each batch that is not committed. */
  readonly #uncommitted = new Map<string, readonly string[]>();

  constructor(connection: Connection, settings: Settings) {
    this.#connection = connection;
    this.#settings = settings;
    this.name = `stream ${settings.stream}`;
  }

  async read(signal: AbortSignal): Promise<TapBatch | null> {
    while (!signal.aborted) {
      const entries = await this.#entries(this.#pending ?? '>');
      const last = entries.at(-1);
      if (last === undefined && this.#pending === null) return null;
      if (this.#pending !== null) this.#pending = last?.id ?? null;
      if (last === undefined) continue;
      this.#uncommitted.set(
        last.id,
        entries.map(({ id }) => id),
      );
      // The stream was trimmed of an entry that has no fields any more.
      const records = entries.filter(({ fields }) => fields.length > 0).map((entry) => recordOf(entry, this.#settings));
      return { records, token: last.id };
    }
    return null;
  }

  async commit(token: string): Promise<void> {
    const ids = this.#uncommitted.get(token) ?? [];
    const { stream, group } = this.#settings;
    if (ids.length > 0) await this.#connection.command(['XACK', stream, group, ...ids]);
    this.#uncommitted.delete(token);
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #entries(after: string): Promise<Entry[]> {
    const { stream, group, consumer, waitMs = READ_WAIT_MS } = this.#settings;
    const wait = after === '>' ? ['BLOCK', String(waitMs)] : [];
    const reply = await this.#connection.command([
      ...['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(BATCH_RECORDS_MAX), ...wait],
      ...['STREAMS', stream, after],
    ]);
    return entriesIn(reply);
  }
}

/** The entries in an answer of RESP 2: a list of streams, each with its name and entries; null if there are none. */
function entriesIn(reply: unknown): Entry[] {
  if (!Array.isArray(reply)) return [];
  const [, entries]: [name: unknown, entries: unknown] = reply[0];
  if (!Array.isArray(entries)) throw new KitError('INTERNAL', 'the answer of Redis is not a list of entries');
  return entries.map(([id, fields]: [id: Uint8Array, fields: readonly Uint8Array[] | null]) => ({
    id: String(id),
    fields: fields ?? [],
  }));
}

function recordOf({ id, fields }: Entry, { stream, field }: Settings): TapRecord {
  const pairs: [name: string, value: Uint8Array][] = [];
  for (const [i, name] of fields.entries())
    if (i % 2 === 0) pairs.push([String(name), fields[i + 1] ?? new Uint8Array()]);
  const own = pairs.find(([name]) => name === field) ?? (pairs.length === 1 ? pairs[0] : undefined);
  const facts = Object.fromEntries(
    pairs
      .filter(([name]) => own !== undefined && name !== own[0])
      .map(([name, value]) => [`field ${name}`, String(value)]),
  );
  return {
    bytes:
      own?.[1] ?? Buffer.from(JSON.stringify(Object.fromEntries(pairs.map(([name, value]) => [name, String(value)])))),
    id: `${stream}/${id}`,
    storedMs: Number(id.split('-')[0]),
    key: null,
    facts: { stream, id, ...(own === undefined ? {} : { field: own[0] }), ...facts },
  };
}
