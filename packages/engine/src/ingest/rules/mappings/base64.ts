/** Bytes as base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** The bytes of a base64 text, with or without padding; null if it is not base64. */
export function fromBase64(text: string): Uint8Array | null {
  const digits = /^([A-Za-z0-9+/]*)={0,2}$/.exec(text)?.[1];
  if (digits === undefined || digits.length % 4 === 1) return null;
  return new Uint8Array(Buffer.from(text, 'base64'));
}
