import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryLogKeys } from '@pik/testkit';
import { describe, expect, it } from 'vitest';

import type { StampClient } from '../../src/ports/stamp-client.ts';
import { openSignedLog } from '../../src/signed-log/signed-log.ts';
import { createWorld } from '../compact/closed-life.ts';
import { memoryTarget } from './log-world.ts';

const hasOpenssl = spawnSync('openssl', ['version']).error === undefined;

/** An authority made of `openssl ts`. */
function authority() {
  const dir = mkdtempSync(join(tmpdir(), 'pik-tsa-'));
  const at = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  writeFileSync(
    at('tsa.cnf'),
    `[req]
distinguished_name = name
[name]
[ext]
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = one
[one]
serial = ${at('serial')}
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
`,
  );
  writeFileSync(at('serial'), '01\n');
  const subject = ['-subj', '/CN=authority', '-config', at('tsa.cnf'), '-extensions', 'ext'];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'key.pem',
    '-out',
    'cert.pem',
    '-days',
    '9999',
    ...subject,
  );
  const client: StampClient = {
    name: 'authority',
    async post(request) {
      writeFileSync(at('query'), request);
      openssl(
        ...['ts', '-reply', '-config', at('tsa.cnf'), '-queryfile', 'query'],
        ...['-signer', 'cert.pem', '-inkey', 'key.pem', '-out', 'reply'],
      );
      return readFileSync(at('reply'));
    },
  };
  /** Whether `openssl ts -verify` accepts a stamp of these bytes. */
  const accepts = (data: Uint8Array, stamp: Uint8Array): boolean => {
    writeFileSync(at('data'), data);
    writeFileSync(at('stamp'), stamp);
    const args = ['ts', '-verify', '-data', 'data', '-in', 'stamp', '-CAfile', 'cert.pem'];
    return spawnSync('openssl', args, { cwd: dir }).status === 0;
  };
  return { client, accepts };
}

const entry = { type: 'expiry', through: '2026-01-01T00', policy: 'p' } as const;

describe.skipIf(!hasOpenssl)('a time stamp', () => {
  it('is asked for once for each checkpoint, and openssl accepts it for the bytes in the copy', async () => {
    const { client, accepts } = authority();
    const target = memoryTarget();
    let asked = 0;
    const counting: StampClient = {
      name: client.name,
      post(request) {
        asked += 1;
        return client.post(request);
      },
    };
    const { backend } = createWorld();
    const keys = createMemoryLogKeys();
    const log = await openSignedLog({ backend, keys, targets: [target], stamps: [counting] });
    for (const size of [1, 2]) {
      await log.append([entry]);
      expect(await log.publish()).toBe(true);
      const [data, stamp] = [target.files.get(`stamps/${size}`), target.files.get(`stamps/${size}.tsr`)];
      if (data === undefined || stamp === undefined) throw new Error('no stamp');
      expect(data).toEqual(target.files.get('checkpoint'));
      expect(accepts(data, stamp)).toBe(true);
      expect(accepts(Uint8Array.of(...data, 10), stamp)).toBe(false);
    }
    await log.publish();
    await (await openSignedLog({ backend, keys, stamps: [counting] })).publish();
    expect(asked).toBe(2);
  });

  it('that another authority refuses is asked for at the next one; a stamp of something else does not count', async () => {
    const { client } = authority();
    const old = await client.post(readFileSync(import.meta.filename).subarray(0, 0)).catch(() => new Uint8Array(0));
    const refusing: StampClient = { name: 'refusing', post: async () => Uint8Array.of(0x30, 5, 0x30, 3, 2, 1, 2) };
    const foreign: StampClient = { name: 'foreign', post: async () => old };
    const down: StampClient = { name: 'down', post: async () => Promise.reject(new Error('down')) };
    const lines: string[] = [];
    const telemetry = { count() {}, observe() {}, log: (_: string, event: string) => lines.push(event) };
    const { backend } = createWorld();
    const options = { backend, keys: createMemoryLogKeys(), telemetry };
    const target = memoryTarget();
    const failing = await openSignedLog({ ...options, targets: [target], stamps: [refusing, foreign, down] });
    await failing.append([entry]);
    expect(await failing.publish()).toBe(false);
    expect(lines).toEqual(['log_unstamped', 'log_unstamped', 'log_unstamped']);
    // The checkpoint is published anyway, and gets its stamp later.
    expect(target.files.has('checkpoint')).toBe(true);
    const log = await openSignedLog({ ...options, targets: [target], stamps: [down, client] });
    expect(await log.publish()).toBe(true);
    expect(target.files.has('stamps/1.tsr')).toBe(true);
  });
});
