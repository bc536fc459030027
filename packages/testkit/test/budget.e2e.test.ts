import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const CONFIG = '--config packages/testkit/test/support/failing.config.ts';

/** Runs the property that fails, by a line for the shell. */
function play(line: string): string {
  const { FC_SEED: _, FC_PATH: __, FC_NTH: ___, ...env } = process.env;
  const { stdout, stderr } = spawnSync(`${line} ${CONFIG}`, { cwd: root, encoding: 'utf8', shell: true, env });
  return `${stdout}${stderr}`;
}

it('a failing history prints a line that plays its smallest form again, first of all', () => {
  const failed = play('npx vitest run');
  const [, line = '', tail = ''] = /play it again: (FC_SEED=.*?(-t '.*'))$/m.exec(failed) ?? [];
  expect(line, failed).toMatch(
    /^FC_SEED=-?\d+ FC_PATH=[\d:]+ FC_NTH=2 npx vitest run packages\/testkit\/test\/support\//,
  );
  expect(tail).toBe("-t 'some sums .of .two. numbers. exceed .a hundred.'");
  const counterexample = /Counterexample: \[(\d+),(\d+)\]/;
  const [, a, b] = counterexample.exec(failed) ?? [];
  const again = play(line);
  expect(/tried (\d+ \d+)/.exec(again)?.[1]).toBe(`${a} ${b}`);
  expect(counterexample.exec(again)?.slice(1)).toEqual([a, b]);
});
