// The demo on a terminal, as `script` makes one: it ends with the address of a console that answers, until it is interrupted.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import { pik } from './served.ts';

const main = join(import.meta.dirname, '../dist/main.js');
const hasTerminals = spawnSync('script', ['--version']).status === 0;
if (!hasTerminals) console.log('the test of the demo on a terminal is skipped: no script (apt-get install bsdutils)');

it('the demo shows what came later, and the versions of a value', async () => {
  const { code, stdout, stderr } = await pik(['demo']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/ACCEPTED +1,707 +0 *\n +DUPLICATE +0 +1,707 *\n/);
  expect(stdout).toMatch(/2018-02-03 +112 +259 +147 *\n/);
  expect(stdout).toMatch(/version 2: 259 +with it/);
});

describe.skipIf(!hasTerminals)('the demo on a terminal', () => {
  let child: ChildProcess;
  afterEach(() => void child?.kill('SIGKILL'));

  it('ends with the address of its console, and stays up until it is interrupted', async () => {
    let output = '';
    // `exec`: a shell that waits would be interrupted too, and dash then ends with 130 whatever its child answers.
    child = spawn('script', ['-qefc', `exec '${process.execPath}' '${main}' demo`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TERM: 'xterm' },
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout?.on('data', (chunk) => {
        output += String(chunk);
        const [found] = /http:\S+\/ui\?\S+/.exec(output) ?? [];
        if (found !== undefined && output.includes('Ctrl+C')) resolve(found);
      });
      void ended.then((code) => reject(new Error(`it ended with ${code}: ${output}`)));
    });
    const page = await fetch(url);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    // The byte of Ctrl+C.
    child.stdin?.write('\u0003');
    expect(await ended).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
    expect(output).toContain('Next:');
  });
});
