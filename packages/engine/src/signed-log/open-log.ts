import { randomBytes } from 'node:crypto';

import { KitError } from '@pik/schema';

import type { Backend } from '../ports/backend.ts';
import type { LogKeys } from '../ports/log-keys.ts';
import { hasSigned, newKeyText, parseKeyText, type SigningKey } from './keys.ts';
import { checkpointSizes, readCheckpoint, readLog, writeCheckpoint, writeKeyName } from './log-files.ts';
import type { LogState } from './rules/log-state.ts';
import { checkpointText, isKeyName, noteText, parseCheckpoint, parseNote, signatureLine } from './rules/note.ts';
import { sameBytes } from './rules/tree.ts';

/** The name of the mark: the size of the newest checkpoint. */
export const HEAD_MARK = 'log_head';

/** The stores of a signed log. */
export interface LogParts {
  readonly backend: Pick<Backend, 'files' | 'index'>;
  readonly keys: LogKeys;
  /** The name of a new log. Default: a random one. */
  readonly origin?: string | undefined;
}

/**
 * Reads a log and compares it with its newest checkpoint.
 *
 * @throws KitError `LOG_DAMAGED`; `LOG_ROLLBACK` if the index knows more entries than the files have; `LOG_FORKED` if the checkpoint is
 * of other entries.
 */
export async function readChecked({ backend }: Pick<LogParts, 'backend'>): Promise<LogState> {
  const state = await readLog(backend);
  const size = state.entries.length;
  const head = (await backend.index.getMark(HEAD_MARK)) ?? 0;
  const newest = Math.max(head, (await checkpointSizes(backend)).at(-1) ?? 0);
  if (newest > size)
    throw new KitError('LOG_ROLLBACK', `the signed log had ${newest} entries, and its files have ${size} of them`);
  const note = newest === 0 ? null : await readCheckpoint(backend, newest);
  if (note !== null) checkPrefix(state, note, 'its own checkpoint');
  return state;
}

/** Throws `LOG_ROLLBACK` if a checkpoint covers more entries than a log has, `LOG_FORKED` if it covers different ones. */
export function checkPrefix(state: LogState, note: string, owner: string): void {
  const checkpoint = parseCheckpoint(parseNote(note)?.text ?? '');
  if (checkpoint === null) throw new KitError('LOG_DAMAGED', `${owner} is not a checkpoint`);
  const { size, root } = checkpoint;
  if (size > state.entries.length)
    throw new KitError(
      'LOG_ROLLBACK',
      `${owner} has ${size} entries, and the signed log of this directory has ${state.entries.length}; \`pik log restore\` takes the missing ones from there`,
    );
  if (!sameBytes(state.tree.root(size), root))
    throw new KitError('LOG_FORKED', `${owner} of ${size} entries does not belong to the signed log of this directory`);
}

/** The key that signs, found among the stored ones; a new log gets one. Null: the key was lost. Throws `LOG_KEY_UNUSABLE`. */
export async function openKey(parts: LogParts, state: LogState): Promise<SigningKey | null> {
  const { keys, origin } = parts;
  const [text, nextText] = [await keys.read(), await keys.readNext()];
  const named = state.keys.at(-1);
  if (text === null && state.entries.length === 0) return createKey(parts, nextText);
  const next = nextText === null ? null : parseKeyText(nextText);
  if (named !== undefined && next?.verifier.text === named.entry.next) {
    // A rotation that was interrupted after the log had named the next key.
    const before = text === null || named.entry.lost === true ? null : parseKeyText(text);
    await signRotation(parts, state, { next, before });
    return next;
  }
  if (text === null) return null;
  const key = parseKeyText(text);
  if (origin !== undefined && origin !== key.verifier.name)
    throw new KitError('LOG_KEY_UNUSABLE', `the log of this directory is called ${key.verifier.name}, not ${origin}`);
  await checkKey(parts, state, key);
  return key;
}

/** The name of a log that nobody has named. */
export function randomName(): string {
  return `pik-${randomBytes(8).toString('hex')}`;
}

/** The name of a log by its newest checkpoint; null if it has none. */
export async function originOf({ backend }: Pick<LogParts, 'backend'>, state: LogState): Promise<string | null> {
  const size = (await checkpointSizes(backend)).findLast((one) => one <= state.entries.length);
  const note = size === undefined ? null : await readCheckpoint(backend, size);
  return parseCheckpoint(parseNote(note ?? '')?.text ?? '')?.origin ?? null;
}

async function createKey({ keys, origin }: LogParts, nextText: string | null): Promise<SigningKey> {
  const name = origin ?? randomName();
  if (!isKeyName(name)) throw new KitError('CONFIG_INVALID', 'the name of a log has no spaces and no plus sign');
  const text = nextText ?? newKeyText(name);
  await keys.writeNext(text.trim());
  await keys.activateNext();
  return parseKeyText(text);
}

/** A key that the log does not know would make checkpoints that nobody accepts. */
async function checkKey({ backend }: LogParts, state: LogState, key: SigningKey): Promise<void> {
  const named = state.keys.at(-1)?.entry.next;
  const newest = (await checkpointSizes(backend)).at(-1);
  const note = named !== undefined || newest === undefined ? null : await readCheckpoint(backend, newest);
  const signed = note === null ? null : parseNote(note);
  const isKnown =
    named === undefined ? signed === null || hasSigned(key.verifier, signed) : named === key.verifier.text;
  if (!isKnown) throw new KitError('LOG_KEY_UNUSABLE', 'the private key is not the one that signed the log before');
}

/** Signs the checkpoint of the entry that names the next key, by both keys, and makes it the current one. */
export async function signRotation(
  { backend, keys }: LogParts,
  state: LogState,
  { next, before }: { next: SigningKey; before: SigningKey | null },
): Promise<void> {
  const size = (state.keys.at(-1)?.index ?? 0) + 1;
  await sign(backend, state, { size, signers: before === null ? [next] : [before, next] });
  await keys.activateNext();
}

/** Stores the checkpoint of a size unless there is one. */
export async function sign(
  backend: LogParts['backend'],
  state: LogState,
  { size, signers }: { size: number; signers: readonly SigningKey[] },
): Promise<string> {
  const known = await readCheckpoint(backend, size);
  if (known !== null) return known;
  const [first] = signers;
  if (first === undefined) throw new KitError('INTERNAL', 'a checkpoint needs a key');
  const text = checkpointText({ origin: first.verifier.name, size, root: state.tree.root(size) });
  const bytes = new TextEncoder().encode(text);
  for (const { verifier } of signers) await writeKeyName(backend, verifier);
  const note = noteText(
    text,
    signers.map((key) => signatureLine(key.verifier, key.sign(bytes))),
  );
  await writeCheckpoint(backend, size, note);
  return note;
}
