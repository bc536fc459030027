import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { points, runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseKey, STATUS, verifyExport } from '../src/index.ts';
import { sha256 } from '../src/merkle.ts';
import {
  createSignedWorld,
  type Files,
  folderOf,
  keyOf,
  richWorld,
  START_MS,
  withFolder,
  withSums,
  writeInto,
} from './exported.ts';

let rich: Awaited<ReturnType<typeof richWorld>>;
let dir: string;
const key = () => keyOf(rich.files.get('vkey.txt')?.toString());

beforeAll(async () => {
  rich = await richWorld(1_000);
  dir = folderOf(rich.files);
});
afterAll(() => rmSync(dir, { recursive: true }));

const check = (files: Files, options = {}) => withFolder(files, (at) => verifyExport(at, { key: key(), ...options }));

describe('an export', () => {
  it('is proven with the key of now and the key before the rotation, also with an erasure, a late pack and an expiry', () => {
    for (const trusted of [key(), keyOf(rich.firstKey)])
      expect(verifyExport(dir, { key: trusted })).toEqual({
        status: 0,
        findings: [],
        origin: 'example.com/pik',
        entries: 8,
        hours: 2,
        lines: 756,
        hours_outside: 0,
        hours_expired: 1,
        witnessed: {},
        stamped: false,
      });
  });

  it('of a range says how many hours it leaves out', async () => {
    const { world } = rich;
    const files = await world.export({ fromMs: START_MS + 3_600_000, toMs: START_MS + 2 * 3_600_000 });
    expect(check(files)).toMatchObject({ status: 0, hours: 1, hours_outside: 2 });
    expect(check(files).lines).toBe(503);
  });

  it('is not proven with another key', async () => {
    const { files } = await richWorld(4);
    expect(verifyExport(dir, { key: keyOf(files.get('vkey.txt')?.toString()) }).status).toBe(STATUS.signature);
  });
});

describe('every change is found', () => {
  /** Verifies the folder after a change of one file, and changes it back. */
  function changed(path: string, bytes: Buffer | null, trusted = key()): number {
    const before = rich.files.get(path) ?? Buffer.alloc(0);
    if (bytes === null) rmSync(join(dir, path));
    else writeFileSync(join(dir, path), bytes);
    try {
      return verifyExport(dir, { key: trusted }).status;
    } finally {
      writeInto(dir, path, before);
    }
  }
  const flipped = (bytes: Buffer, at: number, bit: number) => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ (1 << bit);
    return copy;
  };

  it('a flipped bit of any byte of any file', () => {
    const paths = [...rich.files.keys()];
    fc.assert(
      fc.property(
        fc.constantFrom(...paths),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat(7),
        (path, where, bit) => {
          const bytes = rich.files.get(path) ?? Buffer.alloc(0);
          expect(changed(path, flipped(bytes, Math.floor(where * bytes.length), bit))).not.toBe(0);
        },
      ),
      runs(1_600),
    );
  });

  it('a flipped bit of any byte, even with the list of hashes computed again; but for bits of gzip that carry nothing', () => {
    const paths = [...rich.files.keys()].filter((path) => !/^SHA256SUMS$|\.gz$/.test(path));
    for (const path of paths) {
      const bytes = rich.files.get(path) ?? Buffer.alloc(0);
      for (const at of points(Array.from(bytes.keys())).slice(0, 12)) {
        const files = withSums(new Map(rich.files).set(path, flipped(bytes, at, at % 8)));
        writeFileSync(join(dir, 'SHA256SUMS'), files.get('SHA256SUMS') ?? '');
        expect(changed(path, files.get(path) ?? null, keyOf(rich.firstKey)), `${path} ${at}`).not.toBe(0);
      }
    }
    writeFileSync(join(dir, 'SHA256SUMS'), rich.files.get('SHA256SUMS') ?? '');
  });

  it('each file dropped, cut, doubled, and swapped with another', () => {
    const paths = [...rich.files.keys()];
    for (const [i, path] of paths.entries()) {
      const bytes = rich.files.get(path) ?? Buffer.alloc(0);
      expect(changed(path, null), path).toBe(STATUS.missing);
      expect(changed(path, bytes.subarray(0, -1)), path).not.toBe(0);
      expect(changed(path, Buffer.concat([bytes, bytes])), path).not.toBe(0);
      writeFileSync(join(dir, `${path}.copy`), bytes);
      expect(verifyExport(dir, { key: key() }).status).toBe(STATUS.extra);
      rmSync(join(dir, `${path}.copy`));
      const other = paths[(i + 1) % paths.length] ?? path;
      const swapped = new Map(rich.files).set(path, rich.files.get(other) ?? bytes).set(other, bytes);
      expect(check(swapped).status, `${path} and ${other}`).not.toBe(0);
      expect(check(withSums(swapped)).status, `${path} and ${other}`).not.toBe(0);
    }
  });

  it('two neighbours dropped, though nothing in the folder tells of them', () => {
    const packs = [...rich.files.keys()].filter((path) => path.startsWith('packs/'));
    const [first = '', second = ''] = packs;
    const files = new Map(rich.files);
    for (const path of [first, second]) files.delete(path);
    expect(check(withSums(files)).status).toBe(STATUS.missing);
    const hours = [...rich.files.keys()].filter((path) => path.startsWith('hours/'));
    for (const path of hours) files.delete(path);
    expect(check(withSums(files)).status).toBe(STATUS.missing);
  });

  it('a tombstone that no entry of the log explains', async () => {
    const path = [...rich.files.keys()].find((one) => one.includes('.r1.')) ?? '';
    const [{ gunzipSync, gzipSync }] = [await import('node:zlib')];
    const text = gunzipSync(rich.files.get(path) ?? Buffer.alloc(0))
      .toString()
      .replaceAll('erasure-1', 'erasure-2');
    expect(check(withSums(new Map(rich.files).set(path, gzipSync(text, { level: 1 })))).status).toBe(STATUS.differs);
  });

  it('a file that cannot be read is not a missing one', () => {
    const path = 'vkey.txt';
    rmSync(join(dir, path));
    // A link to nowhere is there and cannot be read.
    execFileSync('ln', ['-s', 'nowhere', join(dir, path)]);
    expect(verifyExport(dir, { key: key() }).findings).toContainEqual(
      expect.objectContaining({ status: STATUS.unreadable }),
    );
    rmSync(join(dir, path));
    writeInto(dir, path, rich.files.get(path) ?? Buffer.alloc(0));
  });
});

describe('a log that was cut and signed again with the right key', () => {
  it('is a fork of the pinned checkpoint, and both notes are named', async () => {
    const [before, after] = [await createSignedWorld(), await createSignedWorld()];
    await before.arrive(3);
    before.clock.ms += 3 * 3_600_000;
    await before.close();
    const files = await before.export();
    await before.log.append([{ type: 'expiry', through: '2025-01-01T00', policy: 'p' }]);
    const pinned = (await before.export()).get('checkpoint') ?? Buffer.alloc(0);
    const trusted = keyOf(files.get('vkey.txt')?.toString());
    withFolder(new Map([['pin', pinned]]), (folder) => {
      const pin = join(folder, 'pin');
      const verdict = withFolder(files, (at) => verifyExport(at, { key: trusted, pin }));
      expect(verdict.status).toBe(STATUS.fork);
      expect(verdict.findings[0]?.text).toMatch(/example\.com\/pik\n2\n[\s\S]*example\.com\/pik\n1\n/);
    });
    // A longer log that continues the pinned one is not a fork.
    withFolder(new Map([['pin', files.get('checkpoint') ?? Buffer.alloc(0)]]), (folder) => {
      const pin = join(folder, 'pin');
      expect(check(files, { key: trusted, pin }).status).toBe(0);
    });
    // Another log under the same name, longer than the pinned one.
    await after.arrive(3);
    after.clock.ms += 3 * 3_600_000;
    await after.close();
    await after.log.append([{ type: 'expiry', through: '2025-01-01T00', policy: 'q' }]);
    const other = await after.export();
    withFolder(new Map([['pin', pinned]]), (folder) => {
      const options = { key: keyOf(other.get('vkey.txt')?.toString()), pin: join(folder, 'pin') };
      expect(check(other, options).status).toBe(STATUS.fork);
    });
  });
});

describe('witnesses', () => {
  /** A witness that signs a checkpoint at a time (C2SP tlog-cosignature). */
  function witness(name: string) {
    const { privateKey } = generateKeyPairSync('ed25519');
    const raw = createPublicKey(createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })))
      .export({ format: 'der', type: 'spki' })
      .subarray(12);
    const data = Buffer.concat([Buffer.of(4), raw]);
    const id = sha256(Buffer.concat([Buffer.from(`${name}\n`), data])).subarray(0, 4);
    const trusted = parseKey(`${name}+${id.toString('hex')}+${data.toString('base64')}`);
    if (trusted === null) throw new Error('not a key');
    const cosign = (note: Buffer, seconds: number, claimed = seconds) => {
      const text = note.toString().slice(0, note.toString().indexOf('\n\n') + 1);
      const time = Buffer.alloc(8);
      time.writeBigUInt64BE(BigInt(claimed));
      const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`), privateKey);
      return `— ${name} ${Buffer.concat([id, time, signature]).toString('base64')}\n`;
    };
    return { trusted, cosign };
  }

  it('that have signed are named with their time; too few of them are a fault', () => {
    const [a, b] = [witness('a.example'), witness('b.example')];
    const note = rich.files.get('checkpoint') ?? Buffer.alloc(0);
    const cosigned = Buffer.concat([note, Buffer.from(a.cosign(note, 1_770_000_000))]);
    const files = withSums(new Map(rich.files).set('checkpoint', cosigned));
    const witnesses = [a.trusted, b.trusted];
    expect(check(files, { witnesses, quorum: 1 })).toMatchObject({
      status: 0,
      witnessed: { 'a.example': 1_770_000_000 },
    });
    expect(check(files, { witnesses }).status).toBe(STATUS.signature);
    const late = Buffer.concat([note, Buffer.from(a.cosign(note, 1, 2))]);
    expect(check(withSums(new Map(rich.files).set('checkpoint', late)), { witnesses: [a.trusted] }).status).toBe(12);
  });
});

const SECOND = join(import.meta.dirname, 'second.py');
const hasPython = ['python3', 'openssl'].every((name) => spawnSync(name, ['--version']).error === undefined);
const second = (at: string, trusted: string) => spawnSync('python3', [SECOND, at, trusted], { encoding: 'utf8' });

describe.skipIf(!hasPython)('the second implementation', () => {
  it('finds the same in the same logs, and in none of the changed ones', () => {
    expect(second(dir, rich.firstKey)).toMatchObject({ status: 0, stdout: '756\n' });
    expect(second(dir, key().text)).toMatchObject({ status: 0, stdout: '756\n' });
    for (const pattern of [
      /^checkpoint$/,
      /\.outcomes$/,
      /\.seeds$/,
      /^packs\//,
      /^rotations\//,
      /entries/,
      /tile\/0/,
    ]) {
      const path = [...rich.files.keys()].find((one) => pattern.test(one)) ?? '';
      const bytes = Buffer.from(rich.files.get(path) ?? '');
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      withFolder(new Map(rich.files).set(path, bytes), (at) => expect(second(at, key().text).status, path).toBe(1));
    }
  });
});

const FROZEN = join(import.meta.dirname, '../vectors/log');

describe('the frozen log of an earlier version', () => {
  it('is still proven, by both implementations', () => {
    const trusted = readFileSync(join(FROZEN, '../first-key.txt'), 'utf8').trim();
    expect(readdirSync(FROZEN)).toContain('checkpoint');
    expect(verifyExport(FROZEN, { key: keyOf(trusted) })).toMatchObject({
      status: 0,
      entries: 8,
      hours: 2,
      hours_expired: 1,
      lines: 21,
    });
    if (hasPython) expect(second(FROZEN, trusted)).toMatchObject({ status: 0, stdout: '21\n' });
    expect(existsSync(join(FROZEN, 'rotations/5'))).toBe(true);
  });
});
