import { sha256Hex } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { hexText, hourRoot, lineLeaf, packRoot, treeHead } from './merkle.ts';

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (two) => Number.parseInt(two, 16));

// The inputs and roots of the reference tests of Certificate Transparency.
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

/** The definition of RFC 6962, section 2.1, word for word. */
function defined(entries: readonly Uint8Array[]): string {
  if (entries.length === 0) return sha256Hex('');
  if (entries.length === 1) return sha256Hex(Uint8Array.of(0, ...(entries[0] ?? [])));
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  return sha256Hex(Uint8Array.of(1, ...bytes(defined(entries.slice(0, k))), ...bytes(defined(entries.slice(k)))));
}

describe('tree head', () => {
  it.each(ROOTS.map((root, size) => [size, root] as const))('of %i entries is that of RFC 6962', (size, root) => {
    expect(hexText(treeHead(INPUTS.slice(0, size).map(bytes)))).toBe(root);
  });

  it('follows the definition at every size', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 70 }), (entries) => {
        expect(hexText(treeHead(entries))).toBe(defined(entries));
      }),
      runs(200),
    );
  });
});

describe('pack root', () => {
  const leaf = (no: number) => lineLeaf(new Uint8Array(16).fill(no), Uint8Array.of(no));

  it('is the tree head over groups of 64 line leaves', () => {
    const leaves = Array.from({ length: 130 }, (_, no) => leaf(no));
    const group = (some: readonly Uint8Array[]) =>
      bytes(sha256Hex(Uint8Array.from([2, ...some.flatMap((one) => [...one])])));
    const groups = [leaves.slice(0, 64), leaves.slice(64, 128), leaves.slice(128)].map(group);
    expect(hexText(packRoot(leaves))).toBe(defined(groups));
  });

  it('a line leaf is the hash of a zero, the salt, and the line', () => {
    expect(hexText(leaf(7))).toBe(sha256Hex(Uint8Array.of(0, ...new Uint8Array(16).fill(7), 7)));
  });
});

describe('hour root', () => {
  const pack = (no: number, outcomes = 'AAD') => ({
    pack_id: `019b0000-0000-7000-8000-00000000000${no}`,
    outcomes,
    root: new Uint8Array(32).fill(no),
  });

  it('covers id, lines, root and outcomes of each pack, in the order of ids', () => {
    const text = (no: number) =>
      `["pik-pack/1","019b0000-0000-7000-8000-00000000000${no}",3,"${`0${no}`.repeat(32)}","${sha256Hex('AAD')}"]`;
    const expected = defined([1, 2].map((no) => new TextEncoder().encode(text(no))));
    expect(hexText(hourRoot([pack(2), pack(1)]))).toBe(expected);
    expect(hexText(hourRoot([pack(1), pack(2, 'AAA')]))).not.toBe(expected);
  });
});
