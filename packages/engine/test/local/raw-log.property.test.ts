import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packKey, packStoredMs } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { createRawLog } from '../../src/backends/local/raw-log.ts';

// The listing of packs, compared with a sorted list of all their ids.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 1, 27, 22);
/** A page ends with the folder in which it has this many. */
const PAGE = 1_000;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-raw-log-'));
  mkdirSync(join(dir, 'raw', 'v1'), { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true }));

function idAt(ms: number, n: number): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${(n % 4_096).toString(16).padStart(3, '0')}-8000-000000000000`;
}

function write(path: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), '');
}

async function listed(range: { fromMs: number; toMs: number }, start: string | null = null): Promise<string[]> {
  const { list } = createRawLog(dir, () => 0);
  const ids: string[] = [];
  let cursor = start;
  do {
    const page = await list({ ...range, cursor });
    ids.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return ids;
}

// Whole hours and days, and next to them.
const time = fc
  .tuple(fc.nat(100), fc.constantFrom(-1, 0, 1, 600_000))
  .map(([hours, more]) => START + hours * HOUR + more);

it('a listing has every pack of its range after its cursor, in order, and no other file', async () => {
  const packs = fc.array(time, { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(packs, time, time, fc.option(fc.nat(40)), async (times, fromMs, toMs, after) => {
      const ids = times.map(idAt);
      for (const id of ids) write(packKey(id));
      write('raw/v1/a file');
      write(`${dirname(packKey(idAt(START, 0)))}/note.txt`);
      write(`${dirname(packKey(idAt(START, 0)))}/${'f'.repeat(36)}.ndjson.gz`);
      write(`${dirname(dirname(packKey(idAt(START, 0))))}/a file`);
      const sorted = ids.toSorted();
      const cursor = after === null ? null : (sorted[after] ?? null);
      const expected = sorted.filter((id) => {
        const ms = packStoredMs(id);
        return ms >= fromMs && ms < toMs && id > (cursor ?? '');
      });
      expect(await listed({ fromMs, toMs }, cursor)).toEqual(expected);
      rmSync(join(dir, 'raw', 'v1'), { recursive: true });
      mkdirSync(join(dir, 'raw', 'v1'));
    }),
    runs(300),
  );
});

it('a page ends with the folder that fills it', async () => {
  const ids = [0, 1, 2].flatMap((hour) => Array.from({ length: PAGE / 2 }, (_, n) => idAt(START + hour * HOUR, n)));
  for (const id of ids) write(packKey(id));
  const { list } = createRawLog(dir, () => 0);
  const all = { fromMs: START - DAY, toMs: START + DAY };
  const first = await list(all);
  expect(first).toEqual({ items: ids.slice(0, PAGE), next: ids[PAGE - 1] });
  expect(await list({ ...all, cursor: first.next })).toEqual({ items: ids.slice(PAGE), next: null });
  rmSync(join(dir, dirname(packKey(ids[0] ?? ''))), { recursive: true });
  expect(await list(all)).toEqual({ items: ids.slice(PAGE / 2), next: ids.at(-1) });
});

it('a directory whose folder of packs is gone has unknown content', async () => {
  rmSync(join(dir, 'raw'), { recursive: true });
  await expect(createRawLog(dir, () => 0).list({ fromMs: 0, toMs: DAY })).rejects.toMatchObject({
    code: 'RAW_LOG_UNAVAILABLE',
    message: 'files of the data directory cannot be used (ENOENT)',
  });
});
