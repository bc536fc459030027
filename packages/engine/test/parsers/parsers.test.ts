import { KitError } from '@pik/schema';
import { createMemoryBackend } from '@pik/testkit';
import { afterEach, describe, expect, it } from 'vitest';

import type { IngestRequest } from '../../src/api/pipeline.ts';
import { ingest } from '../../src/ingest/ingest.ts';
import { openParsers, type ParserThreads } from '../../src/parsers/open-parsers.ts';
import { createContext } from '../../src/runtime/context.ts';
import { readPack } from '../../src/storage/pack-store.ts';

// Requests that threads of their own parse. A thread of the tests ends for keys of these names (`support/thread.ts`).

const RECEIVED = Date.UTC(2026, 0, 30, 11);
const MB = 1024 * 1024;
let parsers: ParserThreads | null = null;
afterEach(async () => {
  await parsers?.close();
  parsers = null;
});

async function open(options: { threads?: number; heapBytesMax?: number } = {}) {
  const logged: string[] = [];
  const telemetry = { count() {}, observe() {}, log: (_: string, event: string) => void logged.push(event) };
  const module = new URL('./support/start-thread.ts', import.meta.url);
  const volatile = [{ source: 'v', event_type: 't', version: 1, paths: ['/attempt'] }];
  const own = openParsers({ threads: 1, module, volatile, telemetry, ...options });
  parsers = own;
  await own.ready;
  const contextWith = (given?: ParserThreads) =>
    createContext({ backend: createMemoryBackend({ now: () => RECEIVED }), volatile, parsers: given });
  return { parsers: own, logged, there: contextWith(own), here: contextWith() };
}

/** Above the size up to which the first thread parses by itself. */
const lines = (from: number, count = 400) =>
  Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const event = { event_type: 't', entity_id: `e${n % 7}`, event_time: '2026-01-30T10:00:00Z' };
    if (n % 50 === 49) return '{"source":"s"}';
    if (n % 50 === 48) return JSON.stringify({ ...event, source: 's', idempotency_key: `k${n % 3}`, payload: { n } });
    return JSON.stringify({ ...event, source: n % 2 === 0 ? 's' : 'v', payload: { n, attempt: n % 3, text: 'ü' } });
  });
const request = (body: string, rest: Partial<IngestRequest> = {}): IngestRequest => ({
  body: Buffer.from(body),
  format: 'ndjson',
  mode: 'live',
  receivedMs: RECEIVED,
  requestId: 'r',
  principal: 'key',
  dryRun: false,
  ...rest,
});
const batch = (from: number, rest: Partial<IngestRequest> = {}) => request(lines(from).join('\n'), rest);

const codeOf = (one: Promise<unknown>) => one.then(() => null).catch((error) => KitError.is(error) && error.code);

describe('a request that a thread has parsed', () => {
  it('gets the same answer, and leaves the same receipts and rows', async () => {
    const kit = await open({ threads: 2 });
    for (const from of [0, 300, 0]) {
      const [one, other] = await Promise.all([ingest(kit.there, batch(from)), ingest(kit.here, batch(from))]);
      const plain = ({ results, ...rest }: typeof one) => ({
        ...rest,
        results: results.map(({ raw_key: _, ...result }) => result),
      });
      expect(plain(one)).toEqual(plain(other));
    }
    const all = async ({ backend }: typeof kit.here) =>
      (await backend.index.listPacks({ fromMs: 0, toMs: RECEIVED + 1 })).items;
    const [packs, others] = [await all(kit.there), await all(kit.here)];
    expect(packs.map(({ outcomes }) => outcomes)).toEqual(others.map(({ outcomes }) => outcomes));
    for (const [i, { pack_id }] of packs.entries())
      expect(await readPack(kit.there, pack_id)).toEqual(await readPack(kit.here, others[i]?.pack_id ?? ''));
  });

  it('fails by itself if its body is refused, and its neighbours are answered', async () => {
    const { there } = await open();
    const tooMany = lines(0, 5_001).join('\n');
    const tooLarge = JSON.stringify({ text: 'x'.repeat(300_000) });
    const asked = [ingest(there, batch(0)), ingest(there, request(tooMany)), ingest(there, request(tooLarge))];
    const [one, ...refused] = asked.map(codeOf);
    expect(await Promise.all(refused)).toEqual(['TOO_MANY_EVENTS', 'EVENT_TOO_LARGE']);
    expect(await one).toBeNull();
  });
});

describe('a thread that ends', () => {
  it.each(['crash', 'memory'])(
    '(%s) is replaced; its requests are refused, and nothing of them is stored',
    async (principal) => {
      const kit = await open({ heapBytesMax: 64 * MB });
      const lost = codeOf(ingest(kit.there, batch(0, { principal })));
      const small = ingest(kit.there, request(lines(900, 3).join('\n')));
      expect(await lost).toBe('PARSER_LOST');
      expect((await small).counts).toEqual({ ACCEPTED: 3 });
      // Without a thread the requests are parsed here, until there is a new one.
      expect((await ingest(kit.there, batch(0))).counts).toMatchObject({ ACCEPTED: expect.any(Number) });
      expect(kit.logged).toEqual(['parser_lost']);
    },
  );

  it('at its start leaves the work to the first thread', async () => {
    const telemetry = { count() {}, observe() {}, log() {} };
    parsers = openParsers({ threads: 1, module: new URL('file:///nowhere.js'), telemetry });
    expect(await codeOf(parsers.ready)).toBe('PARSER_LOST');
    expect(parsers.isUsable).toBe(false);
  });

  it('because it is closed has parsed what it was given before', async () => {
    const kit = await open();
    const asked = ingest(kit.there, batch(0));
    await Promise.resolve();
    await kit.parsers.close();
    expect(Object.keys((await asked).counts)).toContain('ACCEPTED');
    expect(kit.logged).toEqual([]);
  });
});
