import { chmodSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { pik, serve, temporaryDir } from './served.ts';

describe('a served directory', () => {
  it('has a private key that only its owner can read, and is refused once others can', async () => {
    const dir = join(temporaryDir(), 'data');
    const server = await serve(dir);
    server.child.kill('SIGTERM');
    await server.ended;
    const key = join(dir, 'log.key');
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
    chmodSync(key, 0o644);
    expect(await pik(['serve', '--port', '0', '--data', dir])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('LOG_KEY_UNUSABLE'),
    });
  });

  it('is refused if a copy of its log is newer than its files', async () => {
    const [dir, copy] = [join(temporaryDir(), 'data'), temporaryDir()];
    const note = `a-log\n3\n${Buffer.alloc(32).toString('base64')}\n\n— a-log ${Buffer.alloc(68).toString('base64')}\n`;
    writeFileSync(join(copy, 'checkpoint'), note);
    const config = join(temporaryDir(), 'pik.config.mjs');
    writeFileSync(
      config,
      `export default { log: { origin: 'a-log', copies: [{ folder: ${JSON.stringify(copy)} }] } };`,
    );
    expect(await pik(['serve', '--port', '0', '--data', dir, '--config', config])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('LOG_ROLLBACK'),
    });
    // A folder that is not there, such as a share that is not mounted, cannot be compared.
    rmSync(copy, { recursive: true });
    const server = await serve(dir, ['--config', config]);
    expect(existsSync(copy)).toBe(false);
    server.child.kill('SIGTERM');
    await server.ended;
  });
});
