import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { formatInstant, KitError } from '@pik/schema';
import { allEnded } from '../ports/all-ended.ts';
import type { Context } from '../runtime/context.ts';
import { createLimiter } from '../runtime/limiter.ts';
import { sha256Of } from '../storage/pack-store.ts';
import type { InputSink } from './input-source.ts';
import {
  endsChunk,
  type ManifestChunk,
  type ManifestInput,
  type ManifestRoot,
  manifestLine,
  parseManifestLines,
} from './rules/manifest.ts';
import { listedInput, type WindowInput } from './rules/window-input.ts';

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** A chunk of 20,000 inputs has about 4 MB of text. */
const CHUNK_BYTES_MAX = 64 * 1024 * 1024;

/**
 * A line has 230 bytes and repeats text of the lines just before it: with a window of 4 KB, compression takes two thirds
 * of the time that it takes with 32 KB, and the result is smaller.
 */
const COMPRESSION = { level: 1, windowBits: 12 } as const;

/** Chunks compressed and stored at the same time, while the text of the next one is built. */
const CHUNKS_AT_ONCE = 3;

/** Key prefix of manifests. The name of each object is the SHA-256 of its stored bytes. */
export const MANIFEST_PREFIX = 'manifests/v1/';

/** Chunks that may wait to be written: `add` waits beyond that, so that reading is no faster than storing. */
const CHUNKS_WAITING_MAX = 6;

/**
 * Writes the list of a version's inputs as they arrive. Chunks that exist already are shared. A chunk that no version names
 * is a harmless file.
 */
export class ManifestWriter implements InputSink {
  readonly #context: Context;
  readonly #limit = createLimiter(CHUNKS_AT_ONCE);
  readonly #writes: Promise<ManifestChunk>[] = [];
  #chunk: WindowInput[] = [];
  #count = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  async add(part: readonly WindowInput[]): Promise<void> {
    for (const input of part) {
      this.#chunk.push(input);
      if (endsChunk(this.#chunk.length, input.event_id)) this.#write();
    }
    this.#count += part.length;
    // Earlier writes have ended or soon will: a few run at a time, in order.
    await this.#writes.at(-CHUNKS_WAITING_MAX);
  }

  /** Returns the key of the only chunk, or of the object that names several. All is durable when it resolves. */
  async finish(): Promise<string> {
    if (this.#chunk.length > 0 || this.#writes.length === 0) this.#write();
    const chunks = await allEnded(this.#writes);
    const [only] = chunks;
    if (chunks.length === 1 && only !== undefined) return only.key;
    const root: ManifestRoot = { manifest: 1, inputs: this.#count, chunks };
    return putNamed(this.#context, Buffer.from(JSON.stringify(root)), 'json');
  }

  /** Resolves when no write is running, whether or not all of them succeeded. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  #write(): void {
    const some = this.#chunk;
    this.#chunk = [];
    const write = this.#limit(() => writeChunk(this.#context, some));
    // `add` or `finish` awaits it later and reports the error.
    write.catch(() => undefined);
    this.#writes.push(write);
  }
}

/** Writes the manifest of a list of inputs; returns its key. */
export async function writeManifest(context: Context, inputs: readonly WindowInput[]): Promise<string> {
  const writer = new ManifestWriter(context);
  await writer.add(inputs);
  return writer.finish();
}

async function writeChunk(context: Context, inputs: readonly WindowInput[]): Promise<ManifestChunk> {
  await setImmediate();
  const lines = inputs.map((input) => {
    const { pack_id, line } = input;
    return manifestLine({ ...listedInput(input), pack_id, line });
  });
  const key = await putNamed(context, await compress(lines.join(''), COMPRESSION), 'ndjson.gz');
  const [first] = inputs;
  const place = first === undefined ? (['', ''] as const) : ([listedInput(first).event_time, first.event_id] as const);
  return { key, inputs: inputs.length, first: place };
}

async function putNamed(context: Context, bytes: Uint8Array, ending: string): Promise<string> {
  const name = sha256Of(bytes);
  const key = `${MANIFEST_PREFIX}${name.slice(0, 2)}/${name}.${ending}`;
  await context.backend.files.put(key, bytes);
  return key;
}

/** The sort key of an event in manifests, as text. */
export function manifestPlace(event: { event_id: string; event_ms: number; event_sub_ns: number }): string {
  return placeText([formatInstant(event.event_ms, event.event_sub_ns), event.event_id]);
}

function placeText([event_time, event_id]: ManifestChunk['first']): string {
  return `${event_time} ${event_id}`;
}

/**
 * Yields the inputs of a manifest in order, chunk by chunk; with a range, only the chunks that may contain inputs from its
 * first to its last place. Throws `MANIFEST_MISSING`, `MANIFEST_CORRUPT`.
 */
export async function* readManifest(
  context: Context,
  key: string,
  range?: { from: string; to: string },
): AsyncGenerator<ManifestInput[]> {
  const chunks = await manifestChunks(context, key);
  for (const [i, chunk] of chunks.entries()) {
    const next = chunks[i + 1];
    if (range !== undefined && placeText(chunk.first) > range.to) return;
    if (range !== undefined && next !== undefined && placeText(next.first) <= range.from) continue;
    yield readChunk(context, chunk.key);
  }
}

/** Returns whether a manifest lists an event at its time. Reads only the chunk that would contain it. */
export async function manifestHas(
  context: Context,
  key: string,
  event: { event_id: string; event_time: string },
): Promise<boolean> {
  const chunks = await manifestChunks(context, key);
  const before = chunks.filter(({ first: [time, id] }) => {
    return time < event.event_time || (time === event.event_time && id <= event.event_id);
  });
  const chunk = before.at(-1) ?? chunks[0];
  if (chunk === undefined) return false;
  return (await readChunk(context, chunk.key)).some(({ event_id }) => event_id === event.event_id);
}

async function manifestChunks(context: Context, key: string): Promise<readonly Pick<ManifestChunk, 'key' | 'first'>[]> {
  if (!key.endsWith('.json')) return [{ key, first: ['', ''] }];
  const bytes = await readNamed(context, key);
  try {
    return (JSON.parse(Buffer.from(bytes).toString('utf8')) as ManifestRoot).chunks;
  } catch (cause) {
    throw new KitError('MANIFEST_CORRUPT', `the manifest ${key} cannot be read`, { cause });
  }
}

async function readChunk(context: Context, key: string): Promise<ManifestInput[]> {
  const bytes = await readNamed(context, key);
  try {
    const text = await decompress(bytes, { maxOutputLength: CHUNK_BYTES_MAX });
    return parseManifestLines(text.toString('utf8'));
  } catch (cause) {
    throw new KitError('MANIFEST_CORRUPT', `the manifest ${key} cannot be read`, { cause });
  }
}

/** Reads an object whose name is the hash of its bytes. */
async function readNamed(context: Context, key: string): Promise<Uint8Array> {
  const bytes = await context.backend.files.get(key);
  if (bytes === null) throw new KitError('MANIFEST_MISSING', `the manifest ${key} is missing`);
  if (!key.includes(`/${sha256Of(bytes)}.`))
    throw new KitError('MANIFEST_CORRUPT', `the hash of the manifest ${key} differs from its name`);
  return bytes;
}
