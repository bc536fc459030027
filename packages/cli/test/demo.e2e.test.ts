// The demo on a terminal: it ends with the address of a console that answers, until it is interrupted.
import { describe, expect, it } from 'vitest';

import { hasTerminals, pik, startInTerminal } from './served.ts';

it('the demo shows what came later, and the versions of a value', async () => {
  const { code, stdout, stderr } = await pik(['demo']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/ACCEPTED +1,707 +0 *\n +DUPLICATE +0 +1,707 *\n/);
  expect(stdout).toMatch(/2018-02-03 +112 +259 +147 *\n/);
  expect(stdout).toMatch(/version 2: 259 +with it/);
});

describe.skipIf(!hasTerminals)('the demo on a terminal', () => {
  it('ends with the address of its console, and stays up until it is interrupted', async () => {
    const demo = startInTerminal(['demo']);
    try {
      const url = await new Promise<string>((resolve, reject) => {
        demo.child.stdout?.on('data', () => {
          const [found] = /http:\S+\/ui\?\S+/.exec(demo.stdout()) ?? [];
          if (found !== undefined && demo.stdout().includes('Ctrl+C')) resolve(found);
        });
        void demo.ended.then((code) => reject(new Error(`it ended with ${code}: ${demo.stdout()}`)));
      });
      const page = await fetch(url);
      expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      // The byte of Ctrl+C.
      demo.child.stdin?.write('\u0003');
      expect(await demo.ended).toBe(0);
      await expect(fetch(url)).rejects.toThrow();
      expect(demo.stdout()).toContain('Next:');
    } finally {
      demo.child.kill('SIGKILL');
    }
  });
});
