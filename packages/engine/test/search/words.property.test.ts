import type { Envelope } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import { LIFE_START_MS, lifePipeline, lifeRecord, textOf } from '@pik/testkit/fixtures/engine/search-life';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseWords, wordsBytes } from '../../src/compact/rules/words-file.ts';
import { matches } from '../../src/search/rules/evaluate.ts';
import { parseExpression } from '../../src/search/rules/parse-expression.ts';
import { factsOf } from '../../src/search/rules/receipt-facts.ts';
import { mayHaveWord, wordFilter } from '../../src/search/rules/word-filter.ts';
import { hasWords, wordNeedOf } from '../../src/search/rules/word-needs.ts';
import { wordHashes } from '../../src/search/rules/words.ts';

const chars = fc.constantFrom(
  ...[
    'a',
    'b',
    '1',
    '0',
    '.',
    '_',
    ' ',
    '-',
    '/',
    '"',
    '\\',
    '\n',
    '\t',
    '\u0001',
    'é',
    '😀',
    'n',
    'u',
    ':',
    '\u007f',
    'e',
  ],
);
const texts = fc.array(chars, { maxLength: 8 }).map((all) => all.join(''));
const spellings = fc.constantFrom(
  (value: unknown) => JSON.stringify(value),
  (value: unknown) => JSON.stringify(value, null, '\t'),
  (value: unknown) => JSON.stringify(value).replaceAll('/', '\\/'),
  (value: unknown) =>
    JSON.stringify(value).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  (value: unknown) => JSON.stringify(value).replaceAll('a', '\\u0061'),
);

function envelopeOf(body: string): Envelope {
  const known = { event_id: 'e', reject_code: null, source: 's', event_type: 't', entity_id: 'x' };
  const head = { received_at: '2026-01-01T00:00:00.000000000Z', request_id: 'r', line: 0, principal: null };
  return { ...head, imported: false, ...known, event_time: null, payload_hash: null, body };
}

describe('the words of a pack', () => {
  it('include all that a match of any of its lines needs', () => {
    let matched = 0;
    const needed = fc.property(
      texts,
      texts,
      fc.nat(8),
      fc.nat(8),
      spellings,
      texts,
      (s, name, from, length, spell, other) => {
        const record = { source: 's', payload: { [name]: [s, other], n: 1 } };
        const envelope = envelopeOf(spell(record));
        const hashes = wordHashes(Buffer.from(`${JSON.stringify(envelope)}\n`));
        const [whole, part] = [JSON.stringify(s), JSON.stringify(s.slice(from, from + length))];
        const path = `payload[${JSON.stringify(name)}][*]`;
        const asked = [`${path} == ${whole}`, `${path} in [${whole}, "q"]`, `${path}.contains(${part})`];
        for (const where of [...asked, `${path}.startsWith(${part})`, `has(${path})`, `body.contains(${part})`]) {
          const expression = parseExpression(where, { nowMs: 0, timeZone: 'UTC' });
          if (!matches(expression, factsOf(envelope, { outcomes: 'A', withDigits: true }))) continue;
          matched += 1;
          const need = wordNeedOf(expression);
          const isKept = need === null || hashes === null || hasWords(need, (hash) => hashes.has(hash));
          expect([where, envelope.body, isKept]).toEqual([where, envelope.body, true]);
        }
      },
    );
    fc.assert(needed, runs(8_000));
    expect(matched).toBeGreaterThan(1_000);
  });

  it.each([
    ['payload.n == 37', '{"n":37}', '{"n":38}'],
    ['payload.n == 370', '{"n":3.7e2}', '{"n":371}'],
    ['payload.n in [1, "b"]', '{"n":"b"}', '{"n":2}'],
    ['payload.f == true', '{"f":true}', '{"f":false}'],
    ['payload.f == null', '{"f":null}', '{"f":0}'],
    ['payload.t == "a b"', '{"t":"a b"}', '{"t":"a"}'],
    ['payload.t.contains("x ab y")', '{"t":"x ab y"}', '{"t":"x y"}'],
    ['payload.n > 3', '{"n":4}', '{"m":4}'],
    ['has(payload.n) and payload.m == 1', '{"n":0,"m":1}', '{"m":1}'],
    ['payload.n == 5 or payload.m == 6', '{"m":6}', '{"m":5}'],
  ])('of an expression leave out packs that lack them: %s', (where, match, other) => {
    const need = wordNeedOf(parseExpression(where, { nowMs: 0, timeZone: 'UTC' }));
    const mayMatch = (payload: string) => {
      const hashes = wordHashes(Buffer.from(`${JSON.stringify(envelopeOf(`{"payload":${payload}}`))}\n`));
      return need === null || hashes === null || hasWords(need, (hash) => hashes.has(hash));
    };
    expect([mayMatch(match), mayMatch(other)]).toEqual([true, false]);
  });

  it('pass through a filter and a file', () => {
    const sets = fc.array(fc.uniqueArray(fc.nat(2 ** 32 - 1), { maxLength: 60 }), { maxLength: 5 });
    const kept = fc.property(sets, (all) => {
      const packId = (n: number) => `0199b2a0-0000-7000-8000-${String(n).padStart(12, '0')}`;
      const filters = new Map(all.map((set, n) => [packId(n), wordFilter(new Set(set))]));
      const read = parseWords(wordsBytes(filters));
      expect([...read.keys()]).toEqual([...filters.keys()]);
      for (const [n, set] of all.entries())
        for (const hash of set) expect(mayHaveWord(read.get(packId(n)) ?? new Uint8Array(1), hash)).toBe(true);
    });
    fc.assert(kept, runs(400));
    const full = wordFilter(new Set(Array.from({ length: 10_000 }, (_, n) => n * 2)));
    const wrong = Array.from({ length: 10_000 }, (_, n) => n * 2 + 1).filter((hash) => mayHaveWord(full, hash));
    expect(wrong.length).toBeLessThan(100);
  });
});

describe('a search of closed hours', () => {
  async function closed(records: number) {
    const clock = createTestClock(LIFE_START_MS);
    const backend = createMemoryBackend(clock);
    const read: string[] = [];
    const rawLog = {
      ...backend.rawLog,
      read(packId: string) {
        read.push(packId);
        return backend.rawLog.read(packId);
      },
    };
    const pipeline = lifePipeline({ ...backend, rawLog });
    const [sample] = fc.sample(lifeRecord, { numRuns: 1, seed: 1 });
    if (sample === undefined) throw new Error('no record');
    for (let n = 0; n < records; n++) {
      clock.ms += 1_000;
      const record = { ...sample, s: { value: '', token: `"order-x${n}"` }, n: null, name: '"n"', broken: null };
      const body = new TextEncoder().encode(textOf({ ...record, key: `k${n}` }));
      const request = { format: 'ndjson', mode: 'live', receivedMs: clock.ms, requestId: 'r' } as const;
      await pipeline.ingest({ ...request, body, principal: null, dryRun: false });
    }
    await pipeline.compact({ all: true });
    read.length = 0;
    return { backend, pipeline, read };
  }

  it('reads only the packs that have the words of its expression', async () => {
    const { pipeline, read } = await closed(40);
    const page = await pipeline.ask('find', { where: 'payload.s = "order-x17"' });
    expect(page.matches).toHaveLength(1);
    expect(page.scanned).toEqual({ packs: 40, receipts: 40, matched: 1 });
    // A filter may seem to have a word, about once in 300 times.
    expect(read.length).toBeLessThan(5);
    expect((await pipeline.ask('find', { where: 'has(payload.absent)' })).matches).toEqual([]);
    expect(read.length).toBeLessThan(9);
  });

  it('reads all packs if a file of words is damaged', async () => {
    const { backend, pipeline, read } = await closed(10);
    const files = [...backend.stored.keys()].filter((key) => key.includes('/words/'));
    expect(files).toHaveLength(1);
    for (const key of files) backend.stored.set(key, new Uint8Array(8));
    expect((await pipeline.ask('find', { where: 'payload.s = "order-x7"' })).matches).toHaveLength(1);
    expect(read).toHaveLength(10);
  });
});
