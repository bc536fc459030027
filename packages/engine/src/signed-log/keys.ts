import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';

import { KitError } from '@pik/schema';

import {
  base64,
  fromBase64,
  KEY_TYPES,
  type Note,
  type NoteSignature,
  type VerifierKey,
  verifierKey,
} from './rules/note.ts';

/** A private key with the name that verifiers know. */
export interface SigningKey {
  readonly verifier: VerifierKey;
  sign(bytes: Uint8Array): Uint8Array;
}

const PREFIX = 'PRIVATE+KEY+';
/** The heads of PKCS #8 and SPKI before the 32 bytes of an Ed25519 key. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** A new private key as text, in the form of Go's `note` package. */
export function newKeyText(name: string): string {
  const seed = randomBytes(32);
  const { id } = signingKey(name, seed).verifier;
  return `${PREFIX}${name}+${id}+${base64(Uint8Array.of(KEY_TYPES.ed25519, ...seed))}`;
}

/** Reads a private key. Throws `LOG_KEY_UNUSABLE`. */
export function parseKeyText(text: string): SigningKey {
  const rest = text.trim().slice(PREFIX.length);
  const [name = '', id = ''] = rest.split('+', 2);
  const data = fromBase64(rest.slice(name.length + id.length + 2));
  if (text.startsWith(PREFIX) && data?.length === 33 && data[0] === KEY_TYPES.ed25519) {
    const key = signingKey(name, data.subarray(1));
    if (key.verifier.id === id) return key;
  }
  throw new KitError('LOG_KEY_UNUSABLE', 'the file of the private key of the signed log cannot be read as a key');
}

function signingKey(name: string, seed: Uint8Array): SigningKey {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI.length);
  return { verifier: verifierKey(name, raw), sign: (bytes) => sign(null, bytes, key) };
}

/** Whether a key has signed a note. */
export function hasSigned({ name, id, key }: VerifierKey, { text, signatures }: Note): boolean {
  const found = signatures.find((one) => one.name === name && one.id === id);
  return found !== undefined && verify(null, Buffer.from(text), publicKey(key), found.bytes);
}

/** Whether a signature is that of a witness over the text of a checkpoint (C2SP `tlog-cosignature`). */
export function isCosignature({ name, id, type, key }: VerifierKey, text: string, signature: NoteSignature): boolean {
  const { bytes } = signature;
  if (signature.name !== name || signature.id !== id || type !== KEY_TYPES.cosignature || bytes.length !== 72)
    return false;
  const seconds = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  return verify(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`), publicKey(key), bytes.subarray(8));
}

/** The public key of these 32 bytes. */
export function publicKey(key: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, key]), format: 'der', type: 'spki' });
}
