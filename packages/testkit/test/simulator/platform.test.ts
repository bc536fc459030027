import { afterEach, expect, it } from 'vitest';

import * as fs from '../../src/simulator/platform/fs.ts';
import * as promises from '../../src/simulator/platform/fs-promises.ts';
import { Tape } from '../../src/simulator/tape.ts';
import { enterWorld, NO_FAULTS, World } from '../../src/simulator/world.ts';

afterEach(() => {
  fs.closeAll();
  enterWorld(null);
});

/** Runs something in a process of a world in which every write is short. */
async function run<T>(work: () => T | Promise<T>): Promise<T> {
  const world = new World(new Tape({ next: (name) => (name === 'short' ? 1 : 0) }));
  enterWorld(world);
  world.rates = { ...NO_FAULTS, short: 1 };
  world.disk.makeFolders('/d');
  let isDone = false;
  const done = world.post(world.process('p'), 'work', work).finally(() => {
    isDone = true;
  });
  await world.runUntil(() => isDone);
  return done;
}

it('a file that is written at once is whole, however few bytes each write takes', async () => {
  const [counted, text] = await run(() => {
    const fd = fs.openSync('/d/one', 'w');
    const bytes = fs.writeSync(fd, Buffer.from('0123456789'));
    fs.closeSync(fd);
    fs.writeFileSync('/d/all', '0123456789');
    return [bytes, fs.readFileSync('/d/all', 'utf8')];
  });
  expect(counted).toBe(5);
  expect(text).toBe('0123456789');
});

it('folders have modes too', async () => {
  await run(async () => {
    fs.chmodSync('/d');
    await promises.chmod('/d');
  });
});

it('the mode of a missing file cannot be changed', async () => {
  await run(async () => {
    expect(() => fs.chmodSync('/d/missing')).toThrow('ENOENT');
    await expect(promises.chmod('/d/missing')).rejects.toThrow('ENOENT');
  });
});
