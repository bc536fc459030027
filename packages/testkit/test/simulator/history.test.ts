import { expect, it } from 'vitest';

import { holds, playHistory, type Subject } from '../../src/simulator/history.ts';
import { NotDeterministic, PLAIN, replayed } from '../../src/simulator/tape.ts';
import { theWorld } from '../../src/simulator/world.ts';

const subject = (play: Subject['play']): Subject => ({ name: 's', play });

it('a history says what was acknowledged in it, and what failed', async () => {
  const counting = subject(async (world) => {
    world.acknowledged += 2;
    await world.post(world.process('p'), 'step', () => {});
  });
  expect(await playHistory(counting, PLAIN)).toMatchObject({ acknowledged: 2, steps: 1, failure: null });
  const silent = subject(async () => {});
  expect(await playHistory(silent, PLAIN)).toMatchObject({ acknowledged: 0 });
  const broken = subject(async () => holds('kept', false, () => 'it is gone'));
  expect(await playHistory(broken, PLAIN)).toMatchObject({ failure: { oracle: 'kept', text: 'it is gone' } });
});

it('a history that is not deterministic is an error, and leaves no world behind', async () => {
  const asking = subject(async ({ tape }) => {
    tape.choose('other', 2);
  });
  await expect(playHistory(asking, replayed([{ name: 'one', n: 2, value: 1 }]))).rejects.toThrow(NotDeterministic);
  expect(() => theWorld()).toThrow('no history is running');
});
