const ALPHABET = '0123456789abcdefghijklmnopqrstuv';
const CODES = Uint8Array.from(ALPHABET, (digit) => digit.charCodeAt(0));
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 32; i++) VALUES[ALPHABET.charCodeAt(i)] = i;
/** Two digits at once, as they lie in memory. */
const PAIRS = new Uint16Array(
  Uint8Array.from({ length: 2_048 }, (_, i) => CODES[i % 2 === 0 ? i >> 6 : (i >> 1) & 31] as number).buffer,
);

/** RFC 4648 base32hex in lower case, without padding. Text order is byte order. */
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
    pairs[pair++] = PAIRS[high >>> 10] as number;
    pairs[pair++] = PAIRS[high & 1_023] as number;
    pairs[pair++] = PAIRS[low >>> 10] as number;
    pairs[pair++] = PAIRS[low & 1_023] as number;
  }
  let at = pair * 2;
  let bits = 0;
  let value = 0;
  for (; i < bytes.length; i++) {
    value = ((value << 8) | byteAt(bytes, i)) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) digits[at++] = CODES[(value >>> (bits - 5)) & 31] as number;
  }
  if (bits > 0) digits[at++] = CODES[(value << (5 - bits)) & 31] as number;
  return asciiText(at);
}

function byteAt(bytes: Uint8Array, i: number): number {
  return bytes[i] as number;
}

/** Node's own bytes make a text of themselves at half the cost of a list of codes. */
interface HostBytes extends Uint8Array {
  latin1Slice?(start: number, end: number): string;
}

const { Buffer: HostBuffer } = globalThis as { Buffer?: { allocUnsafeSlow(length: number): HostBytes } };

function newDigits(length: number): HostBytes {
  const even = length + (length % 2);
  return HostBuffer?.allocUnsafeSlow(even) ?? new Uint8Array(even);
}

function pairsOf({ buffer, byteOffset, length }: Uint8Array): Uint16Array {
  return new Uint16Array(buffer, byteOffset, length / 2);
}

/** Used again for each text: putting one together piece by piece leaves ten times its size behind. */
let digits = newDigits(64);
let pairs = pairsOf(digits);

function asciiText(length: number): string {
  if (digits.latin1Slice !== undefined) return digits.latin1Slice(0, length);
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(digits[i] as number);
  return text;
}

/** The bytes behind the text; null for another alphabet, a length that no bytes have, or set bits behind the end. */
export function decodeBase32Hex(text: string): Uint8Array | null {
  const spare = (text.length * 5) % 8;
  if (spare >= 5) return null;
  const bytes = new Uint8Array((text.length * 5 - spare) / 8);
  let bits = 0;
  let value = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const digit = code < 128 ? (VALUES[code] as number) : -1;
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
