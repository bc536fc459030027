import { sha256Bytes } from '@pik/schema';

import { leafHash, nodeHash } from '../../compact/rules/merkle.ts';

/** An RFC 6962 tree that grows: every hash of a full subtree is kept, so roots and proofs of all sizes are at hand. */
export interface LogTree {
  readonly size: number;
  append(entry: Uint8Array): void;
  /** The root of the first `size` entries. */
  root(size?: number): Uint8Array;
  /** The hashes that lead from an entry to the root of the first `size` entries (RFC 6962, 2.1.1). */
  inclusion(index: number, size: number): Uint8Array[];
  /** The hashes that show that the first `from` entries are a prefix of the first `size` (RFC 6962, 2.1.2). */
  consistency(from: number, size: number): Uint8Array[];
  /** The hash of the full subtree over `2^level` entries. */
  hash(level: number, index: number): Uint8Array;
}

/** Creates an empty tree. */
export function createTree(): LogTree {
  const levels: Uint8Array[][] = [];
  const at = (level: number, index: number): Uint8Array => {
    const hash = levels[level]?.[index];
    if (hash === undefined) throw new RangeError(`the tree has no node ${index} at level ${level}`);
    return hash;
  };
  /** The hash over `[start, end)`, where `start` is a multiple of the power of two that `end - start` does not exceed. */
  const range = (start: number, end: number): Uint8Array => {
    const length = end - start;
    const level = Math.floor(Math.log2(length));
    if (2 ** level === length) return at(level, start / length);
    const middle = start + split(length);
    return nodeHash(range(start, middle), range(middle, end));
  };
  const path = (index: number, start: number, end: number): Uint8Array[] => {
    if (end - start === 1) return [];
    const middle = start + split(end - start);
    return index < middle
      ? [...path(index, start, middle), range(middle, end)]
      : [...path(index, middle, end), range(start, middle)];
  };
  /** `isWhole`: the subtree is one that the older root contains as a whole, so its hash is known. */
  const proof = (from: number, at: { start: number; end: number; isWhole: boolean }): Uint8Array[] => {
    const { start, end, isWhole } = at;
    if (from === end) return isWhole ? [] : [range(start, end)];
    const middle = start + split(end - start);
    return from <= middle
      ? [...proof(from, { start, end: middle, isWhole }), range(middle, end)]
      : [...proof(from, { start: middle, end, isWhole: false }), range(start, middle)];
  };
  const tree: LogTree = {
    get size() {
      return levels[0]?.length ?? 0;
    },
    append(entry) {
      let hash = leafHash(entry);
      for (let level = 0; ; level++) {
        const nodes = levels[level] ?? [];
        levels[level] = nodes;
        nodes.push(hash);
        if (nodes.length % 2 === 1) return;
        hash = nodeHash(at(level, nodes.length - 2), hash);
      }
    },
    root(size = tree.size) {
      checkSize(size, tree.size);
      return size === 0 ? sha256Bytes(new Uint8Array(0)) : range(0, size);
    },
    inclusion(index, size) {
      checkSize(size, tree.size);
      if (index < 0 || index >= size) throw new RangeError(`${index} is not an entry of ${size}`);
      return path(index, 0, size);
    },
    consistency(from, size) {
      checkSize(size, tree.size);
      if (from < 0 || from > size) throw new RangeError(`${from} is larger than ${size}`);
      return from === 0 || from === size ? [] : proof(from, { start: 0, end: size, isWhole: true });
    },
    hash: at,
  };
  return tree;
}

/** The largest power of two below a number. */
function split(length: number): number {
  let power = 1;
  while (power * 2 < length) power *= 2;
  return power;
}

function checkSize(size: number, most: number): void {
  if (!Number.isInteger(size) || size < 0 || size > most) throw new RangeError(`the tree has no size ${size}`);
}

/** The root that an inclusion proof leads to, in hexadecimal digits by the caller; null if it has the wrong length (RFC 9162, 2.1.3.2). */
export function rootOfInclusion(
  leaf: Uint8Array,
  { index, size, path }: { index: number; size: number; path: readonly Uint8Array[] },
): Uint8Array | null {
  if (index >= size) return null;
  let [node, last, hash] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else hash = nodeHash(hash, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 ? hash : null;
}

/** Whether a consistency proof shows that a tree extends an older one (RFC 9162, 2.1.4.2). */
export function isExtension(
  older: { readonly size: number; readonly root: Uint8Array },
  newer: { readonly size: number; readonly root: Uint8Array },
  path: readonly Uint8Array[],
): boolean {
  if (older.size > newer.size) return false;
  if (older.size === newer.size) return path.length === 0 && sameBytes(older.root, newer.root);
  if (older.size === 0) return path.length === 0;
  const isPower = Number.isInteger(Math.log2(older.size));
  const hashes = isPower ? [older.root, ...path] : [...path];
  let [node, last] = [older.size - 1, newer.size - 1];
  while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  const [first] = hashes;
  if (first === undefined) return false;
  let [was, is] = [first, first];
  for (const sibling of hashes.slice(1)) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      [was, is] = [nodeHash(sibling, was), nodeHash(sibling, is)];
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else is = nodeHash(is, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && sameBytes(was, older.root) && sameBytes(is, newer.root);
}

/** Whether two lists of bytes are equal. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
