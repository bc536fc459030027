import { KitError } from '@pik/schema';

import { firstWritten } from '../compact/hour-file.ts';
import type { Backend } from '../ports/backend.ts';
import { readPages } from '../runtime/pages.ts';
import { addEntry, createLogState, type LogState } from './rules/log-state.ts';
import type { VerifierKey } from './rules/note.ts';
import { parseBundle, TILE_WIDTH, tilePath, tilesBetween } from './rules/tiles.ts';

/** The prefix of the files of the signed log. */
const LOG_PREFIX = 'log/v1/';
const CHECKPOINTS = `${LOG_PREFIX}checkpoints/`;
const NEWLINE = 10;

type Files = Pick<Backend, 'files'>;

/** Twelve digits, so that the order of texts is that of numbers. */
const placeText = (place: number) => String(place).padStart(12, '0');
const batchKey = (start: number) => `${LOG_PREFIX}appended/${placeText(start)}.ndjson`;
const keyNameKey = (id: string) => `${LOG_PREFIX}keys/${id}`;
const cosignatureFolder = (size: number) => `${LOG_PREFIX}cosignatures/${placeText(size)}/`;
const stampKey = (size: number) => `${LOG_PREFIX}stamps/${placeText(size)}.tsr`;
const checkpointKey = (size: number) => `${CHECKPOINTS}${placeText(size)}`;

/**
 * Reads the signed log. Full bundles come first; the entries after them, and those of a bundle that is missing, from the batches in
 * which they were appended. Throws `LOG_DAMAGED`.
 */
export async function readLog({ files }: Files): Promise<LogState> {
  const state = createLogState();
  for (;;) {
    const size = state.entries.length;
    const bundle = size % TILE_WIDTH === 0 ? await files.get(bundleKey(size)) : null;
    const entries = bundle === null ? await readBatch({ files }, size) : parseBundle(bundle);
    if (entries === null && bundle === null) return state;
    if (entries === null || entries.length === 0 || (bundle !== null && entries.length !== TILE_WIDTH))
      throw new KitError('LOG_DAMAGED', `the entries of the signed log from ${size} on cannot be read`);
    for (const entry of entries) addEntry(state, entry);
  }
}

const bundleKey = (start: number) => LOG_PREFIX + tilePath('entries', start / TILE_WIDTH);

/** The entries of a batch, each followed by a line break, which the form of entries never contains; null if there is no such batch. */
async function readBatch({ files }: Files, start: number): Promise<Uint8Array[] | null> {
  const bytes = await files.get(batchKey(start));
  if (bytes === null) return null;
  const entries: Uint8Array[] = [];
  let from = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
    entries.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return from === bytes.length ? entries : [];
}

/**
 * Appends entries, durable on return, in batches that end where bundles do. A batch is created only if the log ends where it starts.
 *
 * @throws KitError `LOG_CONTENDED` if another process has appended; this log then has to be read again.
 */
export async function appendEntries(backend: Files, state: LogState, entries: readonly Uint8Array[]): Promise<void> {
  for (let done = 0; done < entries.length; ) {
    const start = state.entries.length;
    const batch = entries.slice(done, done + TILE_WIDTH - (start % TILE_WIDTH));
    await createBatch(backend, start, batch);
    for (const entry of batch) addEntry(state, entry);
    done += batch.length;
    await writeTiles(backend, state, start);
  }
}

async function createBatch({ files }: Files, start: number, batch: readonly Uint8Array[]): Promise<void> {
  const text = Buffer.concat(batch.flatMap((entry) => [entry, Uint8Array.of(NEWLINE)]));
  try {
    await files.put(batchKey(start), text);
  } catch (cause) {
    if (!KitError.is(cause) || cause.code !== 'FILE_EXISTS') throw cause;
    throw new KitError('LOG_CONTENDED', 'another process has appended to the signed log', { cause });
  }
}

/** Writes the full tiles of a log beyond its first `from` entries; hashes first, so that a bundle proves that the rest is there. */
async function writeTiles({ files }: Files, state: LogState, from: number): Promise<void> {
  const whole = (size: number) => size - (size % TILE_WIDTH);
  for (const { path, bytes } of tilesBetween(state, whole(from), whole(state.entries.length)))
    if (!path.includes('.p/')) await files.put(LOG_PREFIX + path, bytes);
}

/** Writes the tiles that a crash has left out. */
export async function mendTiles(backend: Files, state: LogState): Promise<void> {
  let from = state.entries.length - (state.entries.length % TILE_WIDTH);
  while (from > 0 && (await backend.files.get(bundleKey(from - TILE_WIDTH))) === null) from -= TILE_WIDTH;
  await writeTiles(backend, state, from);
}

/** The signed checkpoint of a size; null if there is none. */
export async function readCheckpoint({ files }: Files, size: number): Promise<string | null> {
  const bytes = await files.get(checkpointKey(size));
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

/** Stores a signed checkpoint. Throws `FILE_EXISTS` if another one of this size is stored. */
export async function writeCheckpoint({ files }: Files, size: number, note: string): Promise<void> {
  await files.put(checkpointKey(size), new TextEncoder().encode(note));
}

/** The name of a public key of this log by its id; null if it was never used. */
export async function readKeyName({ files }: Files, id: string): Promise<string | null> {
  const bytes = await files.get(keyNameKey(id));
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

/** Stores the name of a public key before it signs. */
export async function writeKeyName({ files }: Files, { id, text }: VerifierKey): Promise<void> {
  await files.put(keyNameKey(id), new TextEncoder().encode(text));
}

/** The lines with which witnesses have signed a checkpoint, by the ids of their keys. */
export async function readCosignatures({ files }: Files, size: number): Promise<Map<string, string>> {
  const lines = new Map<string, string>();
  const folder = cosignatureFolder(size);
  for await (const key of readPages((cursor) => files.list(folder, cursor)))
    lines.set(key.slice(folder.length), new TextDecoder().decode((await files.get(key)) ?? new Uint8Array(0)));
  return lines;
}

/** Stores the line of a witness; the first one of a checkpoint stays. */
export async function writeCosignature(
  backend: Files,
  { size, id, line }: { size: number; id: string; line: string },
): Promise<void> {
  await firstWritten(backend, cosignatureFolder(size) + id, line);
}

/** The time stamp of a checkpoint; null if there is none. */
export async function readStamp({ files }: Files, size: number): Promise<Uint8Array | null> {
  return files.get(stampKey(size));
}

/** Stores the time stamp of a checkpoint. */
export async function writeStamp({ files }: Files, size: number, stamp: Uint8Array): Promise<void> {
  await files.put(stampKey(size), stamp);
}

/** The sizes for which there are checkpoints, in order. */
export async function checkpointSizes({ files }: Files): Promise<number[]> {
  const sizes: number[] = [];
  for await (const key of readPages((cursor) => files.list(CHECKPOINTS, cursor)))
    sizes.push(Number(key.slice(CHECKPOINTS.length)));
  return sizes;
}
