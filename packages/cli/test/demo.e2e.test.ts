// The demo on a terminal, as `script` makes one: it ends with the address of a console that answers, until it is interrupted.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

const main = join(import.meta.dirname, 'main.ts');
const hasTerminals = spawnSync('script', ['--version']).status === 0;
if (!hasTerminals) console.log('the test of the demo on a terminal is skipped: no script (apt-get install bsdutils)');

describe.skipIf(!hasTerminals)('the demo on a terminal', () => {
  let child: ChildProcess;
  afterEach(() => void child?.kill('SIGKILL'));

  it('ends with the address of its console, and stays up until it is interrupted', async () => {
    let output = '';
    child = spawn('script', ['-qefc', `'${process.execPath}' '${main}'`, '/dev/null'], {
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
