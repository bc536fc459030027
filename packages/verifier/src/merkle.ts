import { createCipheriv, hash } from 'node:crypto';

/** Bytes of a salt, and of the seed of the salts of a pack. */
export const SALT_BYTES = 16;
/** Lines whose leaves are hashed together. */
export const GROUP_LINES = 64;

/** SHA-256. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

/** The hash of an entry of an RFC 6962 tree. */
export function leafHash(entry: Uint8Array): Buffer {
  return sha256(Buffer.concat([Uint8Array.of(0), entry]));
}

/** The hash of two nodes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(Buffer.concat([Uint8Array.of(1), left, right]));
}

/** The hash of the leaves of a group of lines. */
export function groupHash(leaves: readonly Uint8Array[]): Buffer {
  return sha256(Buffer.concat([Uint8Array.of(2), ...leaves]));
}

/** The leaf of a line: the hash of a zero, its salt, and its bytes without the line break. */
export function lineLeaf(salt: Uint8Array, line: Uint8Array): Buffer {
  return sha256(Buffer.concat([Uint8Array.of(0), salt, line]));
}

/** The levels of the RFC 6962 tree over the hashes of its entries; a lone last node goes up unchanged. The last level is the root. */
export function treeLevels(leaves: readonly Uint8Array[]): (readonly Uint8Array[])[] {
  const levels = [leaves];
  for (let level = leaves; level.length > 1; ) {
    const above: Uint8Array[] = [];
    for (const [i, node] of level.entries()) {
      if (i % 2 === 1) above[above.length - 1] = nodeHash(above[above.length - 1] ?? node, node);
      else above.push(node);
    }
    levels.push(above);
    level = above;
  }
  return levels;
}

/** The root of the RFC 6962 tree over the hashes of its entries. */
export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  return treeLevels(leaves).at(-1)?.[0] ?? sha256(Buffer.alloc(0));
}

/** The root that a path leads to from the entry `index` of `size` (RFC 9162, 2.1.3.2); null if the path has another length. */
export function rootOfPath(
  leaf: Uint8Array,
  { index, size, path }: { readonly index: number; readonly size: number; readonly path: readonly Uint8Array[] },
): Uint8Array | null {
  if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) return null;
  let [node, last, root] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      root = nodeHash(sibling, root);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else root = nodeHash(root, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 ? root : null;
}

/** The salts of the lines of a pack: AES-128-CTR of zeros under its seed, a block for each line. */
export function saltsOf(seed: Uint8Array, lines: number): Buffer {
  return createCipheriv('aes-128-ctr', seed, Buffer.alloc(SALT_BYTES)).update(Buffer.alloc(lines * SALT_BYTES));
}

/** A pack as the root of its hour covers it: the RFC 8785 form of an array of texts and a number. */
export function packLeaf(pack: {
  readonly pack_id: string;
  readonly outcomes: string;
  readonly root: Uint8Array;
}): Buffer {
  const { pack_id, outcomes, root } = pack;
  const hashed = sha256(Buffer.from(outcomes)).toString('hex');
  return leafHash(Buffer.from(JSON.stringify(['pik-pack/1', pack_id, outcomes.length, hex(root), hashed])));
}

/** Bytes as hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Whether two lists of bytes are equal. */
export function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
