import { createPublicKey, verify } from 'node:crypto';

import { sha256 } from './merkle.ts';

const ED25519 = 1;
const COSIGNATURE = 4;
/** The head of an Ed25519 key in the form of SPKI. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** A public key, named as `<name>+<id>+<base64>`. */
export interface VerifierKey {
  readonly text: string;
  readonly name: string;
  readonly id: string;
  readonly type: number;
  readonly key: Uint8Array;
}

/** A signed note (C2SP `signed-note`). */
export interface Note {
  /** The signed text. */
  readonly text: string;
  readonly signatures: readonly { readonly name: string; readonly id: string; readonly bytes: Buffer }[];
}

/** A checkpoint (C2SP `tlog-checkpoint`): the log has this many entries with this root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/**
 * Reads the name of a key; null if it is not one.
 *
 * @example
 * import { parseKey } from '@pik/verifier';
 *
 * parseKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')?.name; // PeterNeumann
 */
export function parseKey(text: string): VerifierKey | null {
  const [, name = '', id = '', data = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text) ?? [];
  const bytes = fromBase64(data);
  if (bytes?.length !== 33) return null;
  const hashed = sha256(Buffer.concat([Buffer.from(`${name}\n`), bytes]));
  const [type = 0] = bytes;
  if (hashed.toString('hex', 0, 4) !== id || (type !== ED25519 && type !== COSIGNATURE)) return null;
  return { text, name, id, type, key: bytes.subarray(1) };
}

/** Reads a signed note; null if it does not have the form of one. */
export function parseNote(bytes: Uint8Array): Note | null {
  const note = textOf(bytes);
  const end = note?.lastIndexOf('\n\n') ?? -1;
  if (note === null || end < 0 || !note.endsWith('\n')) return null;
  const signatures: Note['signatures'][number][] = [];
  for (const line of note.slice(end + 2, -1).split('\n')) {
    const [, name = '', data = ''] = /^— ([^\s+]+) (\S+)$/u.exec(line) ?? [];
    const found = fromBase64(data);
    if (found === null || found.length < 5) return null;
    signatures.push({ name, id: found.toString('hex', 0, 4), bytes: found.subarray(4) });
  }
  return { text: note.slice(0, end + 1), signatures };
}

/** Reads the checkpoint in a note; null if it is not one. */
export function parseCheckpoint({ text }: Note): Checkpoint | null {
  const [, origin = '', digits = '', hash = ''] = /^(.+)\n(0|[1-9]\d{0,14})\n(\S+)\n/u.exec(text) ?? [];
  const root = fromBase64(hash);
  return root?.length === 32 ? { origin, size: Number(digits), root } : null;
}

/** Whether a key has signed a note. */
export function hasSigned(key: VerifierKey, note: Note): boolean {
  const found = note.signatures.find(({ name, id }) => name === key.name && id === key.id);
  return key.type === ED25519 && found !== undefined && isSignature(key, Buffer.from(note.text), found.bytes);
}

/** When a witness has signed a note (C2SP `tlog-cosignature`), in seconds since the epoch; null if it has not. */
export function cosignedAt(key: VerifierKey, note: Note): number | null {
  const found = note.signatures.find(({ name, id }) => name === key.name && id === key.id);
  if (key.type !== COSIGNATURE || found?.bytes.length !== 72) return null;
  const time = Number(found.bytes.readBigUInt64BE());
  const text = `cosignature/v1\ntime ${time}\n${note.text}`;
  return isSignature(key, Buffer.from(text), found.bytes.subarray(8)) ? time : null;
}

function isSignature({ key }: VerifierKey, text: Buffer, signature: Uint8Array): boolean {
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, key]), format: 'der', type: 'spki' });
  return verify(null, text, publicKey, signature);
}

/** The bytes of a text of base64; null if it is not the only text of these bytes. */
function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

/** Bytes as text; null if they are not UTF-8. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
