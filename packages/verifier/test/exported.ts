import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createPipeline, exportLog, openSignedLog, type Pipeline, type SignedLog } from '@pik/engine';
import {
  createMemoryBackend,
  createMemoryLogKeys,
  createTestClock,
  type MemoryBackend,
  type TestClock,
} from '@pik/testkit';
import { parseKey, type VerifierKey } from '../src/index.ts';
import { saltsOf } from '../src/merkle.ts';

const HOUR_MS = 3_600_000;
/** When the worlds begin. */
export const START_MS = Date.UTC(2026, 0, 5, 21);

/** The files of an export by their path. */
export type Files = Map<string, Buffer>;

/** A kit in memory whose log is signed. */
export interface SignedWorld {
  readonly clock: TestClock;
  readonly backend: MemoryBackend;
  readonly pipeline: Pipeline;
  readonly log: SignedLog;
  /** Ingests a request of this many events now. */
  arrive(events: number): Promise<void>;
  /** Closes what is due, and signs. */
  close(): Promise<void>;
  export(range?: Parameters<typeof exportLog>[1]): Promise<Files>;
}

/** Creates an empty world. */
export async function createSignedWorld(origin = 'example.com/pik'): Promise<SignedWorld> {
  const clock = createTestClock(START_MS);
  const backend = createMemoryBackend(clock);
  const pipeline = createPipeline({ backend });
  const log = await openSignedLog({ backend, keys: createMemoryLogKeys(), origin });
  let count = 0;
  return {
    clock,
    backend,
    pipeline,
    log,
    async arrive(events) {
      const lines = Array.from({ length: events }, () => {
        count += 1;
        const fields = {
          source: 's',
          event_type: 't',
          entity_id: `entity_${count}`,
          event_time: '2026-01-05T20:00:00Z',
        };
        return JSON.stringify({ ...fields, payload: { n: count, text: `é ${'x'.repeat(count % 7)}` } });
      });
      clock.ms += 1;
      await pipeline.ingest({
        body: Buffer.from(lines.join('\n')),
        format: 'ndjson',
        mode: 'live',
        receivedMs: clock.ms,
        requestId: `request_${count}`,
        principal: null,
        dryRun: false,
      });
    },
    async close() {
      await pipeline.sweep({ minAgeMs: 0, lookBackMs: HOUR_MS });
      await pipeline.compact({ sinceMs: START_MS - HOUR_MS });
      await log.closeHours();
    },
    async export(range) {
      const files: Files = new Map();
      for await (const { path, bytes } of exportLog(backend, range)) files.set(path, Buffer.from(bytes));
      return withSums(files);
    },
  };
}

/** The files with a list of their hashes. */
export function withSums(files: Files): Files {
  const listed = [...files].filter(([path]) => path !== 'SHA256SUMS');
  const text = listed.map(([path, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${path}\n`);
  return new Map([...listed, ['SHA256SUMS', Buffer.from(text.join(''))]]);
}

/** A log with everything that a log can have: three hours, a late pack, two keys, an erasure, an expiry. */
export async function richWorld(events: number): Promise<{ world: SignedWorld; firstKey: string; files: Files }> {
  const world = await createSignedWorld();
  const { clock, log } = world;
  for (const hour of [0, 1, 4]) {
    clock.ms = START_MS + hour * HOUR_MS;
    await world.arrive(Math.ceil(events / 4));
    await world.arrive(3);
  }
  clock.ms += 2 * HOUR_MS;
  await world.close();
  const firstKey = (await world.export()).get('vkey.txt')?.toString().trim() ?? '';
  await log.rotateKey();
  // A clock that was set back stores a pack in an hour that is closed.
  const now = clock.ms;
  clock.ms = START_MS + HOUR_MS + 60_000;
  await world.arrive(Math.floor(events / 4));
  clock.ms = now;
  await world.close();
  await log.append([
    { type: 'erasure', id: 'erasure-1', packs: 1, lines: 2 },
    { type: 'expiry', through: '2026-01-05T22', policy: 'a year' },
  ]);
  const exported = await world.export();
  for (const path of exported.keys()) if (path.startsWith('hours/v1/2026-01-05/21/')) exported.delete(path);
  const erased = erase(exported, 'hours/v1/2026-01-06/01/g1', [0, 2]);
  return { world, firstKey, files: withSums(withoutPacksOf(erased, world)) };
}

/** Leaves out the packs of the expired hour. */
function withoutPacksOf(files: Files, { backend }: SignedWorld): Files {
  const outcomes = Buffer.from(backend.stored.get('hours/v1/2026-01-05/21/g1.outcomes') ?? '').toString();
  for (const [, id] of outcomes.matchAll(/"pack_id":"([^"]+)"/g)) files.delete(`packs/${id}.ndjson.gz`);
  return files;
}

/** Erases lines of the first pack of an hour, as an eraser does: tombstones with their leaves, and the salts of the others. */
function erase(files: Files, hour: string, erased: readonly number[]): Files {
  const seeds = files.get(`${hour}.seeds`)?.toString().trim().split('\n') ?? [];
  const [first = '{}', ...rest] = seeds;
  const { pack_id, seed }: { pack_id: string; seed: string } = JSON.parse(first);
  const lines = gunzipSync(files.get(`packs/${pack_id}.ndjson.gz`) ?? Buffer.alloc(0))
    .toString()
    .split('\n');
  lines.pop();
  const salts: (string | null)[] = saltsInHex(seed, lines.length);
  const rewritten = lines.map((line, i) => {
    if (!erased.includes(i)) return line;
    const salted = Buffer.concat([Buffer.of(0), Buffer.from(salts[i] ?? '', 'hex'), Buffer.from(line)]);
    salts[i] = null;
    const leaf = createHash('sha256').update(salted).digest('hex');
    return JSON.stringify({ line: i, erased: 'erasure-1', leaf, outcome: 'A', source: 's', event_type: 't' });
  });
  files.delete(`packs/${pack_id}.ndjson.gz`);
  files.delete(`${hour}.seeds`);
  files.set(`packs/${pack_id}.r1.ndjson.gz`, gzipSync(`${rewritten.join('\n')}\n`, { level: 1 }));
  files.set(`${hour}.s1.seeds`, Buffer.from(`${[JSON.stringify({ pack_id, salts }), ...rest].join('\n')}\n`));
  return files;
}

/** Salts by the definition: block i of AES-128 in counter mode. */
function saltsInHex(seed: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) =>
    saltsOf(Buffer.from(seed, 'hex'), i + 1)
      .subarray(16 * i)
      .toString('hex'),
  );
}

/** Writes files into a new folder. */
export function folderOf(files: Files): string {
  const dir = mkdtempSync(join(tmpdir(), 'pik-export-'));
  for (const [path, bytes] of files) writeInto(dir, path, bytes);
  return dir;
}

/** Writes a file of an export. */
export function writeInto(dir: string, path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), bytes);
}

/** Runs work over a folder with these files, which is gone afterwards. */
export function withFolder<T>(files: Files, work: (dir: string) => T): T {
  const dir = folderOf(files);
  try {
    return work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** The key of a text. */
export function keyOf(text: string | undefined): VerifierKey {
  const key = parseKey(text?.trim() ?? '');
  if (key === null) throw new Error('not a key');
  return key;
}
