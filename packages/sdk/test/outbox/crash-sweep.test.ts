import { points } from '@pik/testkit/budget';
import { expect, test } from 'vitest';

import { expectLetters, randomFrom, restart } from './support/checks.ts';
import type { Ending, Fault } from './support/sim-files.ts';
import { OVER, turn, World } from './support/world.ts';

// A life of an outbox that makes every call: it starts over the files of an earlier process, fills several segments,
// acknowledges, moves a record to the dead letters, deletes segments, closes. The life is repeated with a fault at each
// single call, and ended there, or at the end, by a kill or a power loss; afterwards every stored record must exist.

async function live(world: World): Promise<void> {
  const { outbox } = world;
  if (outbox === null) return;
  const first = Array.from({ length: 30 }, () => world.append(400));
  if ((await world.alive(outbox.flush())) === OVER) return;
  await turn();
  world.acknowledge(first.filter(({ fate }, i) => fate === 'stored' && i !== 4 && i < 25));
  const buried = first[26];
  if (buried?.fate === 'stored') await world.deadLetter(buried);
  // Waits until the cursor is saved and segments are deleted.
  await world.alive(new Promise((resolve) => setTimeout(resolve, 4)));
  for (let i = 0; i < 12; i += 1) world.append(500);
  await world.alive(outbox.flush());
}

async function prepared(): Promise<World> {
  const world = new World({ random: randomFrom(7) });
  await world.open();
  for (let i = 0; i < 6; i += 1) world.append(300);
  await world.alive(world.outbox?.flush() ?? Promise.resolve());
  await turn();
  return world;
}

async function countCalls(): Promise<number> {
  const world = await prepared();
  await restart(world, { ending: 'kill', faults: [] });
  await live(world);
  await world.end('close');
  return world.process.calls;
}

async function sweep(kind: Fault['kind'], ending: Ending | 'close'): Promise<void> {
  const calls = await countCalls();
  expect(calls).toBeGreaterThan(60);
  for (const call of points(Array.from({ length: calls + 3 }, (_, at) => at + 1))) {
    const world = await prepared();
    await restart(world, { ending: 'kill', faults: [{ call, kind }] });
    await live(world);
    await restart(world, { ending, faults: [] });
    await restart(world, { ending: 'power', faults: [] });
    await expectLetters(world);
  }
}

for (const kind of ['crash-before', 'crash-after'] as const)
  for (const ending of ['kill', 'power'] as const)
    test(`O3, O4: ${kind} any call, then ${ending}: every stored record exists`, () => sweep(kind, ending));

for (const kind of ['fail-before', 'fail-after', 'short', 'full'] as const)
  for (const ending of ['close', 'power'] as const)
    test(`O4, O6, E2, E3: ${kind} at any call, then ${ending}: every stored record exists`, () => sweep(kind, ending));
