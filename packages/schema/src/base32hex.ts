const ALPHABET = '0123456789abcdefghijklmnopqrstuv';
const CODES = Uint8Array.from(ALPHABET, (digit) => digit.charCodeAt(0));
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 32; i++) VALUES[ALPHABET.charCodeAt(i)] = i;
/** Pairs of digits as 16-bit units in memory order. */
const PAIRS = new Uint16Array(
  Uint8Array.from({ length: 2_048 }, (_, i) => byteAt(CODES, i % 2 === 0 ? i >> 6 : (i >> 1) & 31)).buffer,
);

/** RFC 4648 base32hex in lower case, without padding. The text sorts like the bytes. */
export function encodeBase32Hex(bytes: Uint8Array): string {
  const length = Math.ceil((bytes.length * 8) / 5);
  if (digits.length < length) {
    digits = newDigits(length);
    pairs = pairsOf(digits);
  }
  let pair = 0;
  let i = 0;
  for (; i + 5 <= bytes.length; i += 5) {
    const high = (byteAt(bytes, i) << 12) | (byteAt(bytes, i + 1) << 4) | (byteAt(bytes, i + 2) >>> 4);
    const low = ((byteAt(bytes, i + 2) & 15) << 16) | (byteAt(bytes, i + 3) << 8) | byteAt(bytes, i + 4);
    pairs[pair++] = pairAt(high >>> 10);
    pairs[pair++] = pairAt(high & 1_023);
    pairs[pair++] = pairAt(low >>> 10);
    pairs[pair++] = pairAt(low & 1_023);
  }
  let at = pair * 2;
  let bits = 0;
  let value = 0;
  for (; i < bytes.length; i++) {
    value = ((value << 8) | byteAt(bytes, i)) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) digits[at++] = byteAt(CODES, (value >>> (bits - 5)) & 31);
  }
  if (bits > 0) digits[at++] = byteAt(CODES, (value << (5 - bits)) & 31);
  return asciiText(at);
}

function byteAt(bytes: Uint8Array, i: number): number {
  return bytes[i] ?? 0;
}

function pairAt(i: number): number {
  return PAIRS[i] ?? 0;
}

/** Node's Buffer makes a string at half the cost of a list of character codes. */
interface HostBytes extends Uint8Array {
  latin1Slice?(start: number, end: number): string;
}

const { Buffer: HostBuffer } = globalThis as { Buffer?: { allocUnsafeSlow(length: number): HostBytes } | undefined };

function newDigits(length: number): HostBytes {
  const even = length + (length % 2);
  return HostBuffer?.allocUnsafeSlow(even) ?? new Uint8Array(even);
}

function pairsOf({ buffer, byteOffset, length }: Uint8Array): Uint16Array {
  return new Uint16Array(buffer, byteOffset, length / 2);
}

/** Reused for each text: building one piece by piece leaves ten times its size as garbage. */
let digits = newDigits(64);
let pairs = pairsOf(digits);

function asciiText(length: number): string {
  if (digits.latin1Slice !== undefined) return digits.latin1Slice(0, length);
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(byteAt(digits, i));
  return text;
}

/** Decodes a text. Null for other characters, an impossible length, or set bits after the end. */
export function decodeBase32Hex(text: string): Uint8Array | null {
  const spare = (text.length * 5) % 8;
  if (spare >= 5) return null;
  const bytes = new Uint8Array((text.length * 5 - spare) / 8);
  let bits = 0;
  let value = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const digit = code < 128 ? (VALUES[code] ?? -1) : -1;
    if (digit < 0) return null;
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (value >>> bits) & 255;
    }
  }
  return (value & ((1 << spare) - 1)) === 0 ? bytes : null;
}
