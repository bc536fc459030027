import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { hasTerminals, startInTerminal, startPik, temporaryDir } from './served.ts';

const KEY = 'pik_typed-at-a-prompt-0123456789';
const LOGIN = ['login', '--url', 'http://127.0.0.1:9', '--no-check', '--with-key'];

const keyIn = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'profiles.json'), 'utf8')).profiles.default.api_key;

it('reads the key from a pipe without a prompt', async () => {
  const folder = temporaryDir();
  const login = startPik(LOGIN, { PIK_CONFIG_DIR: folder });
  login.child.stdin?.end(`${KEY}\n`);
  expect([await login.ended, login.stderr(), keyIn(folder)]).toEqual([0, '', KEY]);
});

describe.skipIf(!hasTerminals)('on a terminal', () => {
  /** Starts to log in, and types something once the prompt is there. */
  async function typed(keys: string) {
    const folder = temporaryDir();
    const login = startInTerminal(LOGIN, { PIK_CONFIG_DIR: folder });
    let isTyped = false;
    login.child.stdout?.on('data', () => {
      if (isTyped || !login.stdout().includes('Key: ')) return;
      isTyped = true;
      login.child.stdin?.write(keys);
    });
    return { status: await login.ended, shown: login.stdout(), folder };
  }

  it('asks for the key and does not show it', async () => {
    const { status, shown, folder } = await typed(`${KEY}\r`);
    expect([status, keyIn(folder)]).toEqual([0, KEY]);
    expect(shown).not.toContain(KEY);
    expect(shown).not.toContain('0123456789');
  });

  it('stores nothing when it is interrupted, or when nothing is typed', async () => {
    const interrupted = await typed('\u0003');
    expect(interrupted.status).not.toBe(0);
    expect(() => keyIn(interrupted.folder)).toThrow('ENOENT');
    const empty = await typed('\r');
    expect([empty.status, empty.shown]).toEqual([2, expect.stringContaining('CONFIG_INVALID')]);
    expect(() => keyIn(empty.folder)).toThrow('ENOENT');
  });
});
