import { KitError, MS_PER_HOUR } from '@pik/schema';

import { hourKeys } from '../compact/rules/hour-files.ts';
import type { Backend } from '../ports/backend.ts';
import { withCosignatures } from './cosign.ts';
import { checkpointSizes, readCheckpoint, readKeyName, readLog } from './log-files.ts';
import { type HourEntry, hourMsOf, parseEntry } from './rules/entries.ts';
import { addEntry, createLogState, type LogState } from './rules/log-state.ts';
import { parseNote } from './rules/note.ts';

/** The log up to its newest checkpoint, which anybody may read. */
export interface SignedState {
  readonly state: LogState;
  readonly size: number;
  readonly checkpoint: string;
  /** The key that signed it, as verifiers name it. */
  readonly key: string;
}

/** Reads the log up to its newest checkpoint. Throws `LOG_UNSIGNED` if there is none, `LOG_DAMAGED`. */
export async function readSigned(backend: Pick<Backend, 'files'>): Promise<SignedState> {
  const whole = await readLog(backend);
  const size = (await checkpointSizes(backend)).findLast((one) => one <= whole.entries.length);
  const checkpoint = size === undefined ? null : await readCheckpoint(backend, size);
  if (size === undefined || checkpoint === null)
    throw new KitError('LOG_UNSIGNED', 'no hour has been closed and signed yet');
  const state = createLogState();
  for (const entry of whole.entries.slice(0, size)) addEntry(state, entry);
  // Of two signatures, as after a rotation, the last is that of the new key.
  const { id = '' } = parseNote(checkpoint)?.signatures.at(-1) ?? {};
  const key = await readKeyName(backend, id);
  if (key === null) throw new KitError('LOG_DAMAGED', `the name of the key ${id} is missing`);
  return { state, size, checkpoint: await withCosignatures(backend, { size, checkpoint }), key };
}

/** The generations of each hour that a log knows, in order; the latest is last. */
export function generationsOf({ entries }: LogState): Map<string, HourEntry[]> {
  const hours = new Map<string, HourEntry[]>();
  for (const bytes of entries) {
    const entry = parseEntry(bytes);
    if (entry.type === 'hour') hours.set(entry.h, [...(hours.get(entry.h) ?? []), entry]);
  }
  return hours;
}

/** The keys of the files of a generation. */
export function keysOf({ h, g }: HourEntry) {
  return hourKeys(hourMsOf(h), g);
}

/** Whether an hour lies in a range of milliseconds since the epoch. */
export function isWithin({ h }: HourEntry, { fromMs, toMs }: { fromMs: number; toMs: number }): boolean {
  const startMs = hourMsOf(h);
  return startMs + MS_PER_HOUR > fromMs && startMs < toMs;
}
