import { sha256Bytes, sha256Hex } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { hexText, leafHash, treeHead } from '../../compact/rules/merkle.ts';
import { createTree, isExtension, rootOfInclusion } from './tree.ts';

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (two) => Number.parseInt(two, 16));
// The entries of the reference tests of Certificate Transparency.
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];

function treeOf(entries: readonly Uint8Array[]) {
  const tree = createTree();
  for (const entry of entries) tree.append(entry);
  return tree;
}

/** PATH of RFC 6962, section 2.1.1, word for word. */
function definedPath(m: number, entries: readonly Uint8Array[]): Uint8Array[] {
  if (entries.length === 1) return [];
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  const [left, right] = [entries.slice(0, k), entries.slice(k)];
  return m < k ? [...definedPath(m, left), treeHead(right)] : [...definedPath(m - k, right), treeHead(left)];
}

/** SUBPROOF of RFC 6962, section 2.1.2, word for word. */
function definedProof(m: number, entries: readonly Uint8Array[], isWhole: boolean): Uint8Array[] {
  if (m === entries.length) return isWhole ? [] : [treeHead(entries)];
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  const [left, right] = [entries.slice(0, k), entries.slice(k)];
  return m <= k
    ? [...definedProof(m, left, isWhole), treeHead(right)]
    : [...definedProof(m - k, right, false), treeHead(left)];
}

const trees = fc
  .array(fc.uint8Array({ maxLength: 4 }), { minLength: 1, maxLength: 80 })
  .chain((entries) => fc.record({ entries: fc.constant(entries), size: fc.integer({ min: 1, max: entries.length }) }))
  .chain(({ entries, size }) =>
    fc.record({ entries: fc.constant(entries), size: fc.constant(size), at: fc.nat(size - 1) }),
  );

describe('a tree that grows', () => {
  it('has the paths of the reference tests of Certificate Transparency', () => {
    const path = treeOf(INPUTS.map(bytes)).inclusion(0, 8).map(hexText);
    expect(path).toEqual([
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ]);
    expect(hexText(treeOf([]).root())).toBe(sha256Hex(''));
  });

  it('gives the roots and proofs that RFC 6962 defines, for every size that it has had', () => {
    fc.assert(
      fc.property(trees, ({ entries, size, at }) => {
        const tree = treeOf(entries);
        const part = entries.slice(0, size);
        expect(tree.root(size)).toEqual(treeHead(part));
        expect(tree.inclusion(at, size)).toEqual(definedPath(at, part));
        expect(tree.consistency(at + 1, size)).toEqual(definedProof(at + 1, part, true));
      }),
      runs(400),
    );
  });

  it('proofs lead to the roots, and changed ones do not', () => {
    fc.assert(
      fc.property(trees, fc.nat(1_000), ({ entries, size, at }, flip) => {
        const tree = treeOf(entries);
        const path = tree.inclusion(at, size);
        const root = tree.root(size);
        const leaf = leafHash(entries[at] ?? new Uint8Array(0));
        expect(rootOfInclusion(leaf, { index: at, size, path })).toEqual(root);
        if (path.length > 0) expect(rootOfInclusion(leaf, { index: at, size, path: path.slice(1) })).not.toEqual(root);
        const older = { size: at + 1, root: tree.root(at + 1) };
        const proof = tree.consistency(at + 1, size);
        expect(isExtension(older, { size, root }, proof)).toBe(true);
        expect(isExtension({ ...older, root: sha256Bytes('other') }, { size, root }, proof)).toBe(false);
        expect(isExtension(older, { size, root: sha256Bytes('other') }, proof)).toBe(false);
        expect(isExtension(older, { size, root }, [...proof, root])).toBe(false);
        if (proof.length === 0) return;
        const changed = proof.map((hash, i) => (i === flip % proof.length ? sha256Bytes(hash) : hash));
        expect(isExtension(older, { size, root }, changed)).toBe(false);
      }),
      runs(400),
    );
  });

  it('refuses sizes and entries that it does not have', () => {
    const tree = treeOf(INPUTS.map(bytes));
    expect(() => tree.root(9)).toThrow(RangeError);
    expect(() => tree.inclusion(3, 3)).toThrow(RangeError);
    expect(() => tree.consistency(4, 3)).toThrow(RangeError);
    expect(() => tree.hash(1, 4)).toThrow(RangeError);
    expect(rootOfInclusion(leafHash(bytes('00')), { index: 3, size: 3, path: [] })).toBeNull();
    expect(isExtension({ size: 4, root: tree.root(4) }, { size: 3, root: tree.root(3) }, [])).toBe(false);
  });
});
