import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogTarget } from '@pik/engine';
import { openWitness } from '@pik/engine';
import { openWitnessFiles } from '@pik/engine/local';
import { describe, expect, it } from 'vitest';

import { folderTarget } from '../src/signed-log/folder-target.ts';
import { gitTarget } from '../src/signed-log/git-target.ts';
import { logFault, logOptions } from '../src/signed-log/log-config.ts';
import { webhookTarget } from '../src/signed-log/webhook-target.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'pik-copy-'));
const file = (path: string, text: string) => ({ path, bytes: new TextEncoder().encode(text) });
const text = async (target: LogTarget, path: string) => {
  const bytes = await target.read(path);
  return bytes === null ? null : new TextDecoder().decode(bytes);
};
const git = (dir: string, ...args: string[]) => execFileSync('git', ['-C', dir, ...args], { encoding: 'utf8' }).trim();

/** A clone whose branch has an upstream, and the repository that it was cloned from. */
function clone(): { dir: string; origin: string } {
  const [origin, dir] = [folder(), folder()];
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', origin]);
  git(dir, 'init', '--quiet', '--initial-branch=main');
  git(dir, 'config', 'user.email', 'log@example.com');
  git(dir, 'config', 'user.name', 'log');
  git(dir, 'remote', 'add', 'origin', origin);
  git(dir, 'commit', '--quiet', '--allow-empty', '-m', 'start');
  git(dir, 'push', '--quiet', '--set-upstream', 'origin', 'main');
  return { dir, origin };
}

describe('a copy of the signed log', () => {
  it('in a folder is read as it was written; a folder that is not there is an error, not an empty copy', async () => {
    const dir = folder();
    const target = folderTarget(dir);
    expect(await target.read('checkpoint')).toBeNull();
    await target.write([file('tile/0/000.p/1', 'a'), file('checkpoint', 'one')]);
    await target.write([file('checkpoint', 'two')]);
    expect([await text(target, 'tile/0/000.p/1'), await text(target, 'checkpoint')]).toEqual(['a', 'two']);
    rmSync(dir, { recursive: true });
    await expect(target.read('checkpoint')).rejects.toThrow('ENOENT');
    await expect(target.write([file('checkpoint', 'three')])).rejects.toThrow('ENOENT');
  });

  it('in git is a commit for each checkpoint, and is what its upstream has', async () => {
    const { dir, origin } = clone();
    const target = gitTarget(dir);
    expect(await target.read('checkpoint')).toBeNull();
    await target.write([file('tile/0/000.p/1', 'a'), file('checkpoint', 'one')]);
    expect(git(origin, 'show', 'main:checkpoint')).toBe('one');
    // A commit that was not pushed is not a copy; the next attempt pushes it.
    git(dir, 'remote', 'set-url', '--push', 'origin', join(dir, 'nowhere'));
    await expect(target.write([file('checkpoint', 'two')])).rejects.toThrow();
    expect(await text(target, 'checkpoint')).toBe('one');
    git(dir, 'remote', 'set-url', '--push', 'origin', origin);
    await target.write([file('checkpoint', 'two')]);
    expect([await text(target, 'checkpoint'), git(origin, 'rev-list', '--count', 'main')]).toEqual(['two', '3']);
    await expect(gitTarget(join(dir, 'nowhere')).read('checkpoint')).rejects.toThrow('ENOENT');
  });

  it('in git without an upstream is what its branch has', async () => {
    const dir = folder();
    git(dir, 'init', '--quiet', '--initial-branch=main');
    git(dir, 'config', 'user.email', 'log@example.com');
    git(dir, 'config', 'user.name', 'log');
    const target = gitTarget(dir);
    expect(await target.read('checkpoint')).toBeNull();
    await target.write([file('checkpoint', 'one')]);
    expect(await text(target, 'checkpoint')).toBe('one');
  });

  it('is posted to a webhook, which fails unless it is accepted', async () => {
    const bodies: string[] = [];
    let status = 204;
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      bodies.push(body);
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    const target = webhookTarget(`http://user:secret@127.0.0.1:${typeof bound === 'object' ? bound?.port : 0}/log`);
    expect(target.name).not.toContain('secret');
    await expect(target.write([file('tile/0/000', 'a'), file('checkpoint', 'one')])).rejects.toThrow();
    const plain = webhookTarget(`http://127.0.0.1:${typeof bound === 'object' ? bound?.port : 0}/log`);
    await plain.write([file('tile/0/000', 'a'), file('checkpoint', 'one')]);
    expect([bodies, await plain.read('checkpoint')]).toEqual([['one'], null]);
    status = 500;
    await expect(plain.write([file('checkpoint', 'two')])).rejects.toThrow('500');
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('the settings of a log', () => {
  const key = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';

  it('are read', () => {
    const log = { origin: 'a-log', copies: [{ folder: '/a' }, { git: '/b' }], witnesses: [{ url: 'http://w', key }] };
    expect(logFault(log)).toBeNull();
    const { origin, targets, witnesses } = logOptions({ log });
    expect([origin, targets.map(({ name }) => name), witnesses[0]?.key.name]).toEqual([
      'a-log',
      ['folder /a', 'git /b'],
      'PeterNeumann',
    ]);
    expect(logOptions({})).toEqual({ origin: undefined, targets: [], witnesses: [], stamps: [] });
  });

  it.each([
    [1],
    [{ origin: 'a b' }],
    [{ copies: 1 }],
    [{ copies: [{}] }],
    [{ copies: [{ folder: '/a', git: '/b' }] }],
    [{ copies: [{ tape: '/a' }] }],
    [{ witnesses: [{ url: 'x', key }] }],
    [{ witnesses: 'all' }],
    [{ stamps: ['x'] }],
    [{ other: 1 }],
  ])('%j is refused', (value) => {
    expect(logFault(value)).not.toBeNull();
  });
});

describe('the files of a witness', () => {
  it('keep key and state for the next start, and a damaged state signs nothing', async () => {
    const dir = join(folder(), 'witness');
    const options = { name: 'w.example', logs: [], nowMs: Date.now };
    const first = await openWitness({ ...openWitnessFiles(dir), ...options });
    const { state } = openWitnessFiles(dir);
    expect(await state.read('a-log')).toBeNull();
    await state.write({ origin: 'a-log', size: 7, root: new Uint8Array(32) });
    const again = openWitnessFiles(dir);
    expect((await openWitness({ ...again, ...options })).key.text).toBe(first.key.text);
    expect(await again.state.read('a-log')).toMatchObject({ size: 7 });
    execFileSync('sh', ['-c', `for f in ${dir}/*.json; do echo '{' > "$f"; done`]);
    await expect(again.state.read('a-log')).rejects.toThrow(expect.objectContaining({ code: 'LOG_DAMAGED' }));
  });
});
