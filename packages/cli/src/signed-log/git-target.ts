import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';

import type { LogTarget } from '@pik/engine';

import { folderTarget } from './folder-target.ts';

const run = promisify(execFile);
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
const UPSTREAM = '@{upstream}';

/**
 * A copy of the log in a clone of a git repository: each checkpoint is a commit, pushed if the branch has an upstream. The copy is what
 * the upstream has, so a commit that was not pushed is pushed by the next attempt.
 */
export function gitTarget(dir: string): LogTarget {
  const git = async (...args: readonly string[]): Promise<Buffer> => {
    const options = {
      encoding: 'buffer',
      maxBuffer: ANSWER_BYTES_MAX,
      timeout: TIMEOUT_MS,
      // A question for a password would wait for ever.
      env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
    } as const;
    return (await run('git', ['-C', dir, ...args], options)).stdout;
  };
  const succeeds = (...args: readonly string[]) =>
    git(...args).then(
      () => true,
      () => false,
    );
  const hasUpstream = () => succeeds('rev-parse', '--verify', '--quiet', UPSTREAM);
  return {
    name: `git ${dir}`,
    async read(path) {
      await access(dir);
      const isShared = await hasUpstream();
      if (isShared) await git('fetch', '--quiet');
      const ref = isShared ? UPSTREAM : 'HEAD';
      if (!isShared && !(await succeeds('rev-parse', '--verify', '--quiet', ref))) return null;
      const found = await git('ls-tree', '--name-only', ref, '--', path);
      return found.length === 0 ? null : git('show', `${ref}:${path}`);
    },
    async write(files) {
      const isShared = await hasUpstream();
      if (isShared) await git('pull', '--quiet', '--ff-only');
      await folderTarget(dir).write(files);
      const paths = files.map(({ path }) => path);
      await git('add', '--', ...paths);
      if (!(await succeeds('diff', '--cached', '--quiet')))
        await git('commit', '--quiet', '-m', 'log: add a checkpoint');
      if (isShared) await git('push', '--quiet');
    },
  };
}
