import { createHash } from 'node:crypto';
import { createMemoryBackend } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { manifestHas, readManifest, writeManifest } from '../../src/aggregates/manifest-store.ts';
import { endsChunk, parseManifestLines } from '../../src/aggregates/rules/manifest.ts';
import { compareInputs, listedInput, type WindowInput } from '../../src/aggregates/rules/window-input.ts';
import { createContext } from '../../src/runtime/context.ts';

// The content of the events decides where a manifest is cut: a late input changes only its own chunk, and versions
// share all others.

const ALPHABET = '0123456789abcdefghijklmnopqrstuv';

/** An input that is a pure function of its number, with an id as random as a real one. */
function input(n: number): WindowInput {
  const bytes = createHash('sha256').update(String(n)).digest();
  const event_id = Array.from({ length: 47 }, (_, i) => ALPHABET[(bytes[i % 32] as number) & 31]).join('');
  return {
    event_id,
    source: 's',
    event_type: 't',
    entity_id: null,
    event_ms: 1_700_000_000_000 + Math.floor(n / 3) * 10,
    event_sub_ns: n % 3,
    received_ms: 1_700_000_000_000 + n * 10,
    payload_hash: bytes.toString('hex'),
    pack_id: '01890a5d-ac96-774b-bcce-b302099a8057',
    line: n % 500,
  };
}

const inputs = (count: number) => Array.from({ length: count }, (_, n) => input(n)).sort(compareInputs);
const MANY = inputs(60_000);

function createStore() {
  const backend = createMemoryBackend();
  return { backend, context: createContext({ backend }) };
}

async function listed(context: ReturnType<typeof createContext>, key: string) {
  const found = [];
  for await (const chunk of readManifest(context, key)) found.push(...chunk);
  return found;
}

describe('a manifest', () => {
  it.each([0, 1, 2, 6_000, 60_000])(
    'of %i inputs is read back as written, in order, with their addresses',
    async (count) => {
      const { backend, context } = createStore();
      const key = await writeManifest(context, MANY.slice(0, count));
      const expected = MANY.slice(0, count).map((one) => ({
        ...listedInput(one),
        pack_id: one.pack_id,
        line: one.line,
      }));
      expect(await listed(context, key)).toEqual(expected);
      // Writing the same inputs again gives the same object and stores nothing more.
      const stored = new Set(backend.stored.keys());
      expect(await writeManifest(context, MANY.slice(0, count))).toBe(key);
      expect(new Set(backend.stored.keys())).toEqual(stored);
    },
  );

  it('with one more input shares all chunks except those around it', async () => {
    const { backend, context } = createStore();
    await writeManifest(context, MANY);
    const before = new Set(backend.stored.keys());
    expect(before.size).toBeGreaterThan(4);
    await fc.assert(
      fc.asyncProperty(fc.nat(59_999), async (at) => {
        const late: WindowInput = { ...input(1_000_000 + at), event_ms: (MANY[at] as WindowInput).event_ms };
        const key = await writeManifest(context, [...MANY, late].sort(compareInputs));
        const added = [...backend.stored.keys()].filter((name) => !before.has(name));
        // The object that names the chunks, and the chunk of the new input; a moved cut also changes the next chunk.
        expect(added.length).toBeLessThanOrEqual(3);
        const { event_time } = listedInput(late);
        expect(await manifestHas(context, key, { event_id: late.event_id, event_time })).toBe(true);
        for (const name of added) backend.stored.delete(name);
      }),
      runs(12),
    );
  });

  it('tells whether an event is listed by reading the only chunk that can list it', async () => {
    const { backend, context } = createStore();
    const listedOnes = MANY.filter((_, i) => i % 2 === 0);
    const key = await writeManifest(context, listedOnes);
    const { files } = backend;
    let reads = 0;
    const counting = createContext({
      backend: {
        ...backend,
        files: {
          ...files,
          async get(name) {
            reads += 1;
            return files.get(name);
          },
        },
      },
    });
    for (let i = 0; i < MANY.length; i += 3_001) {
      const one = listedInput(MANY[i] as WindowInput);
      reads = 0;
      expect(await manifestHas(counting, key, one)).toBe(i % 2 === 0);
      expect(reads).toBeLessThanOrEqual(2);
    }
  });

  it('that was changed, truncated or deleted gives an error with its name, never a shorter list', async () => {
    const { backend, context } = createStore();
    const key = await writeManifest(context, MANY.slice(0, 100));
    const bytes = backend.stored.get(key) as Uint8Array;
    for (let i = 0; i < bytes.length; i += 97) {
      const changed = Uint8Array.from(bytes);
      changed[i] = (changed[i] as number) ^ 1;
      backend.stored.set(key, changed);
      await expect(listed(context, key)).rejects.toMatchObject({ code: 'MANIFEST_CORRUPT' });
    }
    backend.stored.set(key, bytes.slice(0, -1));
    await expect(listed(context, key)).rejects.toMatchObject({ code: 'MANIFEST_CORRUPT' });
    backend.stored.delete(key);
    await expect(listed(context, key)).rejects.toMatchObject({ code: 'MANIFEST_MISSING' });
    expect(() => parseManifestLines('["a"]\n')).toThrow(SyntaxError);
    expect(() => parseManifestLines('["a","b","c","d","e",1]')).toThrow(SyntaxError);
  });
});

/** Where chunks of these inputs end. */
function chunkEnds(ids: readonly string[]): number[] {
  const ends: number[] = [];
  for (const [i, id] of ids.entries()) if (endsChunk(i + 1 - (ends.at(-1) ?? 0), id)) ends.push(i + 1);
  return ends.at(-1) === ids.length ? ends : [...ends, ids.length];
}

it('chunks have 6,000 to 20,000 inputs, cover every input once, and depend only on ids', () => {
  const ids = MANY.map(({ event_id }) => event_id);
  const ends = chunkEnds(ids);
  const sizes = ends.map((end, i) => end - (ends[i - 1] ?? 0));
  expect(ends.at(-1)).toBe(ids.length);
  for (const size of sizes.slice(0, -1)) {
    expect(size).toBeGreaterThanOrEqual(6_000);
    expect(size).toBeLessThanOrEqual(20_000);
  }
  expect(chunkEnds([])).toEqual([0]);
  // Without any mark the largest size is the bound.
  expect(chunkEnds(Array.from({ length: 45_000 }, () => 'x'.repeat(47)))).toEqual([20_000, 40_000, 45_000]);
});
