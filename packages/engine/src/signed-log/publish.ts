import { KitError } from '@pik/schema';

import type { Backend } from '../ports/backend.ts';
import type { LogTarget } from '../ports/log-target.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { readCheckpoint, readStamp } from './log-files.ts';
import { checkPrefix, type LogParts } from './open-log.ts';
import type { LogState } from './rules/log-state.ts';
import { parseCheckpoint, parseNote } from './rules/note.ts';
import { parseBundle, TILE_WIDTH, type TileFile, tilePath, tilesBetween } from './rules/tiles.ts';
import { stampFiles } from './stamp-head.ts';

/** The path of the newest checkpoint in a copy of the log. */
export const CHECKPOINT = 'checkpoint';

/** The checkpoint of a target; null if it has none, or cannot be read now. */
export async function readPublished(target: LogTarget, telemetry: Telemetry): Promise<string | null> {
  try {
    const bytes = await target.read(CHECKPOINT);
    return bytes === null ? null : new TextDecoder().decode(bytes);
  } catch (error) {
    telemetry.log('warn', 'log_target_unread', { target: target.name, error: String(error) });
    return null;
  }
}

/** The files of a log of `to` entries that a copy of `from` entries lacks, the checkpoint last. */
export async function filesOfLog(
  { backend }: { readonly backend: Pick<Backend, 'files'> },
  state: LogState,
  { from, to, checkpoint }: { from: number; to: number; checkpoint: string },
): Promise<TileFile[]> {
  const files = [...tilesBetween(state, from, to)];
  for (const size of rotationSizes(state)) {
    const note = size > from && size <= to ? await readCheckpoint(backend, size) : null;
    if (note !== null) files.push({ path: `rotations/${size}`, bytes: new TextEncoder().encode(note) });
  }
  return [
    ...files,
    ...(await stampFiles(backend, to)),
    { path: CHECKPOINT, bytes: new TextEncoder().encode(checkpoint) },
  ];
}

/** The sizes of the checkpoints that two keys have signed. */
function rotationSizes({ keys }: LogState): number[] {
  return keys.filter(({ entry }) => entry.lost !== true).map(({ index }) => index + 1);
}

/**
 * Brings a copy up to date with a checkpoint.
 *
 * @throws KitError `LOG_ROLLBACK`, `LOG_FORKED` if the copy is not of an earlier size of this log; errors of the target.
 */
export async function publish(
  parts: Pick<LogParts, 'backend'>,
  state: LogState,
  { target, size, checkpoint }: { target: LogTarget; size: number; checkpoint: string },
): Promise<void> {
  const bytes = await target.read(CHECKPOINT);
  const known = bytes === null ? null : new TextDecoder().decode(bytes);
  const isStamped = (await readStamp(parts.backend, size)) !== null;
  const hasStamp = !isStamped || (await target.read(`stamps/${size}.tsr`)) !== null;
  if (known === checkpoint && hasStamp) return;
  if (known !== null) checkPrefix(state, known, `the copy of the log at ${target.name}`);
  const from = known === null ? 0 : (parseCheckpoint(parseNote(known)?.text ?? '')?.size ?? 0);
  await target.write(await filesOfLog(parts, state, { from, to: size, checkpoint }));
}

/**
 * The entries that a copy has beyond a log of which it is a continuation.
 *
 * @throws KitError `LOG_DAMAGED` if the copy is not complete, `LOG_FORKED` if it does not continue the log.
 */
export async function missingEntries(target: LogTarget, state: LogState): Promise<Uint8Array[]> {
  const note = await target.read(CHECKPOINT);
  const checkpoint = note === null ? null : parseCheckpoint(parseNote(new TextDecoder().decode(note))?.text ?? '');
  if (checkpoint === null || note === null)
    throw new KitError('LOG_DAMAGED', `the copy of the log at ${target.name} has no checkpoint`);
  const size = state.entries.length;
  const missing: Uint8Array[] = [];
  for (let start = size - (size % TILE_WIDTH); start < checkpoint.size; start += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, checkpoint.size - start);
    const bytes = await target.read(tilePath('entries', start / TILE_WIDTH, width));
    const entries = bytes === null ? null : parseBundle(bytes);
    if (entries?.length !== width)
      throw new KitError('LOG_DAMAGED', `the copy of the log at ${target.name} lacks entries from ${start} on`);
    for (const [i, entry] of entries.entries()) if (start + i >= size) missing.push(entry);
  }
  return missing;
}
