import { KitError, sha256Bytes } from '@pik/schema';

import { hexText } from '../../compact/rules/merkle.ts';

/** The types of keys of C2SP `signed-note`: Ed25519, and cosignatures with a time. */
export const KEY_TYPES = { ed25519: 1, cosignature: 4 } as const;

/** A key of a signer, as verifiers name it: `<name>+<id>+<base64 of type and key>`. */
export interface VerifierKey {
  readonly text: string;
  readonly name: string;
  /** Eight hexadecimal digits. */
  readonly id: string;
  readonly type: number;
  /** The 32 bytes of the public key. */
  readonly key: Uint8Array;
}

/** A signature of a note. */
export interface NoteSignature {
  readonly name: string;
  readonly id: string;
  /** The bytes after the id of the key. */
  readonly bytes: Uint8Array;
  /** The line as it stands in the note, without its line break. */
  readonly line: string;
}

/** A signed note: a text that ends with a line break, and its signatures. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A name that a key may have: at least a character, no space, no plus sign. */
export function isKeyName(name: string): boolean {
  return name !== '' && name.length <= 200 && !/[\s+]/u.test(name);
}

/** Names a key. */
export function verifierKey(name: string, key: Uint8Array, type: number = KEY_TYPES.ed25519): VerifierKey {
  const data = Uint8Array.of(type, ...key);
  const hash = sha256Bytes(Uint8Array.of(...new TextEncoder().encode(`${name}\n`), ...data));
  const id = hexText(hash.subarray(0, 4));
  return { text: `${name}+${id}+${base64(data)}`, name, id, type, key };
}

/** Reads the name of a key. Throws `LOG_KEY_INVALID`. */
export function parseVerifierKey(text: string): VerifierKey {
  const [name = '', , data = ''] = splitKey(text);
  const bytes = fromBase64(data);
  if (isKeyName(name) && bytes !== null && bytes.length === 33) {
    const key = verifierKey(name, bytes.subarray(1), bytes[0]);
    if (key.text === text) return key;
  }
  throw new KitError('LOG_KEY_INVALID', 'the text is not the name of a key: <name>+<id>+<base64>');
}

/** Base64 may hold a plus sign, so only the first two divide. */
function splitKey(text: string): string[] {
  const first = text.indexOf('+');
  const second = text.indexOf('+', first + 1);
  return first < 0 || second < 0 ? [] : [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)];
}

/** The line of a signature. */
export function signatureLine({ name, id }: Pick<VerifierKey, 'name' | 'id'>, signature: Uint8Array): string {
  const bytes = id.match(/../g)?.map((two) => Number.parseInt(two, 16)) ?? [];
  return `— ${name} ${base64(Uint8Array.of(...bytes, ...signature))}`;
}

/** A note as text. */
export function noteText(text: string, lines: readonly string[]): string {
  return `${text}\n${lines.map((line) => `${line}\n`).join('')}`;
}

/** Reads a signed note; null if it does not have the form of one. */
export function parseNote(note: string): Note | null {
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) return null;
  const lines = note.slice(end + 2, -1).split('\n');
  const signatures = lines.map(parseSignature);
  if (lines.length > 100 || signatures.includes(null)) return null;
  return { text: note.slice(0, end + 1), signatures: signatures.filter((one) => one !== null) };
}

function parseSignature(line: string): NoteSignature | null {
  const [, name = '', data = ''] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
  const bytes = fromBase64(data);
  if (!isKeyName(name) || bytes === null || bytes.length < 5) return null;
  return { name, id: hexText(bytes.subarray(0, 4)), bytes: bytes.subarray(4), line };
}

/** The statement of a checkpoint: this log has this many entries with this root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** The text of a checkpoint (C2SP `tlog-checkpoint`). */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${base64(root)}\n`;
}

/** Reads the text of a checkpoint; null if it does not have the form of one. */
export function parseCheckpoint(text: string): Checkpoint | null {
  const [origin = '', digits = '', hash = '', ...rest] = text.split('\n');
  const root = fromBase64(hash);
  const size = Number(digits);
  const isForm = origin !== '' && /^(0|[1-9]\d{0,15})$/.test(digits) && Number.isSafeInteger(size);
  return isForm && root?.length === 32 && rest.at(-1) === '' ? { origin, size, root } : null;
}

/** Bytes as base64. */
export function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** The bytes of a text of base64; null if it is not the only text of these bytes. */
export function fromBase64(text: string): Uint8Array | null {
  try {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    return base64(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}
