import { join } from 'node:path';
import { expect, it } from 'vitest';

import { pik, serve, startPik, temporaryDir } from './served.ts';

it('--watch answers again and again, and ends on ctrl-c', async () => {
  const server = await serve(join(temporaryDir(), 'data'));
  try {
    expect((await pik(['lag', '--watch', '0', '--url', server.url])).code).toBe(2);
    const watching = startPik(['lag', '--watch', '1', '--json', '--url', server.url]);
    await new Promise<void>((resolve, reject) => {
      watching.child.stdout?.on('data', () => {
        if (watching.stdout().split('\n').length > 3) resolve();
      });
      void watching.ended.then((code) => reject(new Error(`it ended with ${code}: ${watching.stderr()}`)));
    });
    const answers = watching.stdout().trim().split('\n');
    expect(answers.map((text) => Object.keys(JSON.parse(text)))).toEqual(
      answers.map(() => expect.arrayContaining(['groups'])),
    );
    // No terminal, so nothing is cleared.
    expect(watching.stdout()).not.toContain('\u001b');
    watching.child.kill('SIGINT');
    expect(await watching.ended).toBe('SIGINT');
  } finally {
    server.child.kill('SIGTERM');
    await server.ended;
  }
});

it('--watch goes on after the server was away, but does not wait for a first answer', async () => {
  const data = join(temporaryDir(), 'data');
  const first = await serve(data);
  const { port } = new URL(first.url);
  const watching = startPik(['lag', '--watch', '1', '--json', '--url', first.url]);
  const printed = (stream: 'stdout' | 'stderr', isThere: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      watching.child[stream]?.on('data', () => isThere() && resolve());
      void watching.ended.then((code) => reject(new Error(`it ended with ${code}: ${watching.stderr()}`)));
      if (isThere()) resolve();
    });
  try {
    await printed('stdout', () => watching.stdout() !== '');
    first.child.kill('SIGTERM');
    await first.ended;
    await printed('stderr', () => watching.stderr().includes('NETWORK'));
    expect((await pik(['lag', '--watch', '1', '--url', first.url])).code).toBe(3);
    const answered = watching.stdout().length;
    const second = await serve(data, ['--port', port]);
    await printed('stdout', () => watching.stdout().length > answered);
    second.child.kill('SIGTERM');
    await second.ended;
  } finally {
    watching.child.kill('SIGINT');
  }
  expect(await watching.ended).toBe('SIGINT');
});
