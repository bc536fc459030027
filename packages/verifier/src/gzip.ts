import { crc32, inflateRawSync } from 'node:zlib';

const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
/** Magic number, deflate, no flags, no time; then the level, and the system, whose values are not fixed. */
const HEADER = Buffer.from('1f8b080000000000', 'hex');
const LEVELS = new Set([0, 4]);
/** Far above a pack, so that a small file cannot fill the memory. */
const BYTES_MAX = 512 * 1024 * 1024;

/** The text of a pack; null unless the file is one whole member of gzip with the header that the kit writes, and nothing else. */
export function unpack(bytes: Buffer): Buffer | null {
  const [level = -1] = bytes.subarray(HEADER.length);
  if (!bytes.subarray(0, HEADER.length).equals(HEADER) || !LEVELS.has(level)) return null;
  try {
    const body = bytes.subarray(HEADER_BYTES);
    const unpacked: unknown = inflateRawSync(body, { info: true, maxOutputLength: BYTES_MAX });
    if (!isUnpacked(unpacked)) return null;
    const { buffer: text, engine } = unpacked;
    const trailer = body.subarray(engine.bytesWritten);
    if (trailer.length !== TRAILER_BYTES) return null;
    return trailer.readUInt32LE(0) === crc32(text) && trailer.readUInt32LE(4) === text.length ? text : null;
  } catch {
    return null;
  }
}

/** With `info`, zlib returns how much of its input it has used. */
function isUnpacked(
  value: unknown,
): value is { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } } {
  return typeof value === 'object' && value !== null && 'buffer' in value && 'engine' in value;
}
