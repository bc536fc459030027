import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bundleBytes, parseBundle, tilePath, tilesBetween } from './tiles.ts';
import { createTree } from './tree.ts';

/** A log of this many entries of a few bytes. */
function logOf(size: number) {
  const entries = Array.from({ length: size }, (_, i) => new TextEncoder().encode(`e${i}`));
  const tree = createTree();
  for (const entry of entries) tree.append(entry);
  return { tree, entries };
}

describe('tiles', () => {
  it('have the paths of the specification', () => {
    expect(tilePath(0, 0)).toBe('tile/0/000');
    expect(tilePath(0, 1_234_067)).toBe('tile/0/x001/x234/067');
    expect(tilePath(1, 5, 7)).toBe('tile/1/005.p/7');
    expect(tilePath('entries', 1_000)).toBe('tile/entries/x001/000');
  });

  it('of a log published step by step are those of the log published at once', () => {
    const log = logOf(800);
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(800), { maxLength: 6 }), (steps) => {
        const sizes = [0, ...steps.sort((a, b) => a - b), 800];
        const files = new Map<string, string>();
        for (const [i, size] of sizes.slice(1).entries())
          for (const { path, bytes } of tilesBetween(log, sizes[i] ?? 0, size))
            files.set(path, Buffer.from(bytes).toString('hex'));
        for (const { path, bytes } of tilesBetween(log, 0, 800))
          expect(files.get(path)).toBe(Buffer.from(bytes).toString('hex'));
      }),
      runs(100),
    );
  });

  it('hold the hashes of full subtrees, eight levels apart', () => {
    const log = logOf(600);
    const files = new Map([...tilesBetween(log, 0, 600)].map(({ path, bytes }) => [path, bytes]));
    expect([...files.keys()].sort()).toEqual(
      ['tile/0/000', 'tile/0/001', 'tile/0/002.p/88', 'tile/1/000.p/2'].concat(
        ['000', '001', '002.p/88'].map((name) => `tile/entries/${name}`),
      ),
    );
    expect(files.get('tile/1/000.p/2')).toEqual(Uint8Array.of(...log.tree.hash(8, 0), ...log.tree.hash(8, 1)));
    expect(files.get('tile/0/002.p/88')?.subarray(0, 32)).toEqual(log.tree.hash(0, 512));
  });

  it('bundles are read as they were written, and nothing else is', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (entries) => {
        const bytes = bundleBytes(entries);
        expect(parseBundle(bytes)).toEqual(entries);
        if (bytes.length > 0) expect(parseBundle(bytes.subarray(0, -1))).toBeNull();
      }),
      runs(100),
    );
    expect(parseBundle(Uint8Array.of(0))).toBeNull();
  });
});
