import * as zlib from 'node:zlib';

/**
 * CRC-32 (the polynomial of zlib, gzip and PNG) of `bytes[start, end)`, as an unsigned number. Not CRC-32C: Node has
 * CRC-32 built in since 20.15 and 22.2, and for records of this size both detect every burst of up to 32 bits.
 */
export const crc32: (bytes: Uint8Array, start: number, end: number) => number =
  typeof zlib.crc32 === 'function' ? (bytes, start, end) => zlib.crc32(bytes.subarray(start, end)) : crc32InScript;

let tables: Int32Array | null = null;

/** The same for older versions of Node, four bytes per step. */
export function crc32InScript(bytes: Uint8Array, start: number, end: number): number {
  tables ??= makeTables();
  const t = tables;
  let crc = -1;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24);
    const mixed = crc ^ word;
    crc =
      entry(t, 768 + (mixed & 255)) ^
      entry(t, 512 + ((mixed >>> 8) & 255)) ^
      entry(t, 256 + ((mixed >>> 16) & 255)) ^
      entry(t, mixed >>> 24);
  }
  for (; at < end; at += 1) crc = entry(t, (crc ^ byte(bytes, at)) & 255) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function makeTables(): Int32Array {
  const made = new Int32Array(4 * 256);
  for (let i = 0; i < 256; i += 1) {
    let crc = i;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    made[i] = crc;
  }
  for (let i = 256; i < made.length; i += 1) {
    const before = entry(made, i - 256);
    made[i] = (before >>> 8) ^ entry(made, before & 255);
  }
  return made;
}

/** The callers keep the index in bounds, which the type checker cannot know. */
function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function entry(table: Int32Array, at: number): number {
  return table[at] ?? 0;
}
