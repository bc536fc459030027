import { createHash } from 'node:crypto';

import { createMemoryKeyFiles, type MemoryKeyFiles } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { openKeyRuns } from '../../../src/backends/local/key-runs/key-runs.ts';

/** Keys of few entities, each with the same eight bytes at its start. */
const idOf = (n: number) =>
  Buffer.concat([entity(n % 4), createHash('sha256').update(String(n)).digest()]).subarray(0, 29);
const entity = (n: number) => createHash('sha256').update(`entity ${n}`).digest().subarray(0, 8);

const open = (files: MemoryKeyFiles) => openKeyRuns(files, { tableKeys: 10, retryMs: 0, onWarning() {} });

function hasBytes(files: MemoryKeyFiles, id: Buffer): boolean {
  return files.list().some((name) => {
    const bytes = files.bytesOf(name);
    return bytes.includes(id) || bytes.includes(id.toString('hex'));
  });
}

describe('the keys of events that are gone', () => {
  it('are in no file after an erasure, and all others are found', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 200 }),
        fc.nat(3),
        fc.uniqueArray(fc.integer({ min: 1, max: 200 })),
        async (last, erased, kept) => {
          const files = createMemoryKeyFiles();
          const keys = open(files);
          const add = async (to: number) => {
            while (keys.last < to) {
              keys.add(idOf(keys.last + 1), keys.last + 1);
              keys.publish();
              if (keys.last % 10 === 0) await keys.idle();
            }
            await keys.idle();
          };
          await add(last);
          // Some events of the entity stay, as those that were accepted again.
          const isGone = (n: number) => n <= last && n % 4 === erased && !kept.includes(n);
          const lastKept = (number: number) => {
            for (let n = number; n > 0; n--) if (!isGone(n)) return { id: idOf(n), number: n };
            return null;
          };
          const gone = Array.from({ length: last }, (_, i) => i + 1).filter(isGone);
          await keys.erase({ prefixes: [entity(erased)], isGone, lastKept });
          for (const n of gone) expect(hasBytes(files, idOf(n))).toBe(false);
          expect(keys.covered > 0 && isGone(keys.covered)).toBe(false);
          // Those that were in memory are not written either.
          await add(last + 100);
          for (const n of gone) expect(hasBytes(files, idOf(n))).toBe(false);
          for (let n = 1; n <= last + 100; n++) if (!isGone(n)) expect(keys.find(idOf(n))).toBe(n);
          await keys.close();
          const again = open(files);
          for (let n = 1; n <= again.covered; n++) expect(again.find(idOf(n))).toBe(isGone(n) ? null : n);
          await again.close();
        },
      ),
      runs(100),
    );
  });
});
