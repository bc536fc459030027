const ALPHABET = '0123456789abcdefghijklmnopqrstuv';
/** Two characters at a time, so that encoding looks up ten bits at once. */
const PAIRS = Array.from({ length: 1024 }, (_, i) => `${ALPHABET[i >> 5]}${ALPHABET[i & 31]}`);
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 32; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** RFC 4648 base32hex in lower case, without padding. Text order is byte order. */
export function encodeBase32Hex(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (let i = 0; i < bytes.length; i++) {
    value = (value << 8) | (bytes[i] as number);
    bits += 8;
    if (bits >= 10) {
      bits -= 10;
      text += PAIRS[(value >>> bits) & 1023];
      value &= (1 << bits) - 1;
    }
  }
  if (bits >= 5) {
    bits -= 5;
    text += ALPHABET[(value >>> bits) & 31];
  }
  return bits === 0 ? text : text + ALPHABET[(value << (5 - bits)) & 31];
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
