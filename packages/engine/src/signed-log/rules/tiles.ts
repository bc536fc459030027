import type { LogTree } from './tree.ts';

/** Hashes of a full tile, and entries of a full bundle. */
export const TILE_WIDTH = 256;
const TILE_LEVELS = 8;

/** A file of the form C2SP `tlog-tiles`. */
export interface TileFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The path of a tile; `level` is `entries` for a bundle of entries. A tile that is not full names its width. */
export function tilePath(level: number | 'entries', index: number, width: number = TILE_WIDTH): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0');
  const groups = digits.match(/\d{3}/g) ?? [];
  const name = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${name}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** Entries one after another, each behind its length in two bytes. */
export function bundleBytes(entries: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const entry of entries) length += 2 + entry.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const entry of entries) {
    view.setUint16(at, entry.length);
    bytes.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bytes;
}

/** The entries of a bundle; null if its lengths do not add up. */
export function parseBundle(bytes: Uint8Array): Uint8Array[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 2 > bytes.length) return null;
    const end = at + 2 + view.getUint16(at);
    if (end > bytes.length) return null;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

/** A tree and the entries below it. */
export interface TiledLog {
  readonly tree: LogTree;
  readonly entries: readonly Uint8Array[];
}

/**
 * The tiles that a log of `to` entries has and a log of `from` entries lacks, hashes before entries, full tiles before partial ones.
 */
export function* tilesBetween(log: TiledLog, from: number, to: number): Generator<TileFile> {
  for (let level = 0; 2 ** (level * TILE_LEVELS) <= to; level++) {
    const [before, after] = [from, to].map((size) => Math.floor(size / 2 ** (level * TILE_LEVELS)));
    if (before === undefined || after === undefined || before === after) continue;
    yield* widths(before, after, ({ index, width }) => ({
      path: tilePath(level, index, width),
      bytes: tileBytes(log.tree, { level, index, width }),
    }));
  }
  yield* widths(from, to, ({ index, width }) => ({
    path: tilePath('entries', index, width),
    bytes: bundleBytes(log.entries.slice(index * TILE_WIDTH, index * TILE_WIDTH + width)),
  }));
}

function* widths(
  before: number,
  after: number,
  make: (tile: { index: number; width: number }) => TileFile,
): Generator<TileFile> {
  for (let index = Math.floor(before / TILE_WIDTH); index * TILE_WIDTH < after; index++)
    yield make({ index, width: Math.min(TILE_WIDTH, after - index * TILE_WIDTH) });
}

function tileBytes(tree: LogTree, { level, index, width }: { level: number; index: number; width: number }) {
  const bytes = new Uint8Array(width * 32);
  for (let i = 0; i < width; i++) bytes.set(tree.hash(level * TILE_LEVELS, index * TILE_WIDTH + i), i * 32);
  return bytes;
}
