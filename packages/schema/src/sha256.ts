import { hostModule } from './host.ts';
import { utf8Bytes } from './utf8.ts';

type Binary = string | Uint8Array;

interface NodeCrypto {
  readonly hash?: ((algorithm: string, data: Binary, encoding: 'hex' | 'latin1') => string) | undefined;
}

/** The host's hash function, if it has a working one. */
function findNativeHash(): NodeCrypto['hash'] | null {
  const hash = hostModule<NodeCrypto>('node:crypto')?.hash;
  if (typeof hash !== 'function') return null;
  try {
    return hash('sha256', '\u00e9', 'latin1').length === 32 && hash('sha256', '', 'hex').startsWith('e3b0c442')
      ? hash
      : null;
  } catch {
    return null;
  }
}

let foundHash: NodeCrypto['hash'] | null | undefined;

/** Looked up at the first hash: loading the host's cryptography takes longer than all the rest of a producer's start. */
function nativeHash(): NodeCrypto['hash'] | null {
  if (foundHash === undefined) foundHash = findNativeHash() ?? null;
  return foundHash;
}

/** SHA-256 as 64 hexadecimal digits; a string is hashed as UTF-8. */
export function sha256Hex(data: Binary): string {
  const hash = nativeHash();
  if (hash) return hash('sha256', data, 'hex');
  let hex = '';
  for (const byte of sha256Js(toBytes(data))) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

/** SHA-256 as 32 bytes; a string is hashed as UTF-8. */
export function sha256Bytes(data: Binary): Uint8Array {
  if (!nativeHash()) return sha256Js(toBytes(data));
  const bytes = new Uint8Array(32);
  writeSha256(bytes, data, { at: 0, length: 32 });
  return bytes;
}

/**
 * Writes the first bytes of a SHA-256 digest into an array: the host returns hexadecimal text at half the cost of an
 * array.
 */
export function writeSha256(into: Uint8Array, data: Binary, { at, length }: { at: number; length: number }): void {
  const hash = nativeHash();
  if (!hash) {
    into.set(sha256Js(toBytes(data)).subarray(0, length), at);
    return;
  }
  const digest = hash('sha256', data, 'latin1');
  for (let i = 0; i < length; i++) into[at + i] = digest.charCodeAt(i);
}

function toBytes(data: Binary): Uint8Array {
  return typeof data === 'string' ? utf8Bytes(data) : data;
}

/** The first 32 bits of the fractional parts of the roots of the first primes, as FIPS 180-4 defines the constants. */
function primeRoots(count: number, root: 2 | 3): Uint32Array {
  const words = new Uint32Array(count);
  for (let n = 2, found = 0; found < count; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (prime) words[found++] = fraction(root === 2 ? Math.sqrt(n) : Math.cbrt(n));
  }
  return words;
}

function fraction(value: number): number {
  return Math.floor((value - Math.floor(value)) * 2 ** 32);
}

let initial: Uint32Array | null = null;
let round: Uint32Array | null = null;

/** SHA-256 in JavaScript alone (FIPS 180-4), for runtimes without native hashing. */
export function sha256Js(data: Uint8Array): Uint8Array {
  const padded = new Uint8Array((((data.length + 8) >> 6) + 1) << 6);
  padded.set(data);
  padded[data.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(data.length / 2 ** 29));
  view.setUint32(padded.length - 4, data.length << 3);
  initial ??= primeRoots(8, 2);
  const state = Uint32Array.from(initial);
  const words = new Uint32Array(64);
  for (let offset = 0; offset < padded.length; offset += 64) compress(state, words, { view, offset });
  const digest = new DataView(new ArrayBuffer(32));
  for (let i = 0; i < 8; i++) digest.setUint32(i * 4, wordAt(state, i));
  return new Uint8Array(digest.buffer);
}

/** Faster than `at` in the inner loop: it sees only one kind of array. */
function wordAt(words: Uint32Array, i: number): number {
  return words[i] ?? 0;
}

const rotate = (x: number, n: number): number => (x >>> n) | (x << (32 - n));

function compress(state: Uint32Array, w: Uint32Array, block: { view: DataView; offset: number }): void {
  for (let t = 0; t < 16; t++) w[t] = block.view.getUint32(block.offset + t * 4);
  for (let t = 16; t < 64; t++) {
    const x = wordAt(w, t - 15);
    const y = wordAt(w, t - 2);
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    w[t] = (wordAt(w, t - 16) + s0 + wordAt(w, t - 7) + s1) | 0;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  round ??= primeRoots(64, 3);
  for (let t = 0; t < 64; t++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + wordAt(round, t) + wordAt(w, t)) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  let i = 0;
  for (const sum of [a, b, c, d, e, f, g, h]) {
    state[i] = wordAt(state, i) + sum;
    i += 1;
  }
}
