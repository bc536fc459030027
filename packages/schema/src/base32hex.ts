const ALPHABET = '0123456789abcdefghijklmnopqrstuv';
const CODES = Uint8Array.from(ALPHABET, (digit) => digit.charCodeAt(0));
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 32; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** RFC 4648 base32hex in lower case, without padding. Text order is byte order. */
export function encodeBase32Hex(bytes: Uint8Array): string {
  let bits = 0;
  let value = 0;
  let at = 0;
  for (let i = 0; i < bytes.length; i++) {
    value = ((value << 8) | (bytes[i] as number)) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) digits[at++] = CODES[(value >>> (bits - 5)) & 31] as number;
  }
  if (bits > 0) digits[at++] = CODES[(value << (5 - bits)) & 31] as number;
  digits.length = at;
  return String.fromCharCode.apply(null, digits);
}

/** Used again for each text: putting one together piece by piece leaves ten times its size behind. */
const digits: number[] = [];

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
