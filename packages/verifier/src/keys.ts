import { STATUS } from './findings.ts';
import type { Folder } from './folder.ts';
import { areEqual } from './merkle.ts';
import {
  type Checkpoint,
  hasSigned,
  type Note,
  parseCheckpoint,
  parseKey,
  parseNote,
  type VerifierKey,
} from './note.ts';

/** An entry that names the next key. */
export interface KeyEntry {
  readonly index: number;
  readonly next: string;
  readonly lost: boolean;
}

/** The entries of a log that name keys, and its roots by size. */
export interface KeyHistory {
  readonly keys: readonly KeyEntry[];
  root(size: number): Uint8Array;
}

/**
 * Follows the rotations from a trusted key to the one that signs now: the checkpoint of each rotation is signed by the old key.
 * Returns the last key that this shows. All checkpoints of rotations are read, also those before the trusted key.
 */
export function followRotations(folder: Folder, trusted: VerifierKey, { keys, root }: KeyHistory): VerifierKey {
  let current = trusted;
  const known = keys.findLastIndex(({ next }) => next === trusted.text);
  for (const [i, { index, next, lost }] of keys.entries()) {
    const name = `rotations/${index + 1}`;
    const signed = lost ? null : readCheckpoint(folder, name);
    if (signed !== null && !isOfLog(signed.checkpoint, { size: index + 1, root: root(index + 1) }))
      folder.add(STATUS.differs, name, 'is not a checkpoint of this log at the entry that names the next key');
    const key = parseKey(next);
    if (signed !== null && (key === null || !hasSigned(key, signed.note)))
      folder.add(STATUS.signature, name, `is not signed by the key ${next}`);
    if (i <= known) continue;
    if (key === null || signed === null || !hasSigned(current, signed.note)) {
      const why = lost ? 'the old key was lost' : 'the old key has not signed that';
      folder.add(STATUS.signature, name, `names the key ${next}, and ${why}`);
      return current;
    }
    current = key;
  }
  return current;
}

function isOfLog(checkpoint: Checkpoint, log: { readonly size: number; readonly root: Uint8Array }): boolean {
  return checkpoint.size === log.size && areEqual(checkpoint.root, log.root);
}

/** Reads a file that holds a signed checkpoint; null, and a finding, if it does not. */
export function readCheckpoint(folder: Folder, name: string): { note: Note; checkpoint: Checkpoint } | null {
  const bytes = folder.read(name);
  if (bytes === null) return null;
  const note = parseNote(bytes);
  const checkpoint = note === null ? null : parseCheckpoint(note);
  if (note !== null && checkpoint !== null) return { note, checkpoint };
  folder.add(STATUS.signature, name, 'is not a signed checkpoint');
  return null;
}
