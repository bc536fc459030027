import { at } from '@pik/schema/events';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { test } from 'vitest';

import type { FsyncPolicy } from '../../src/outbox/segment-writer.ts';
import { expectLetters, expectReadable, type Restart, randomFrom, restart } from './support/checks.ts';
import { turn, World } from './support/world.ts';

// Random histories of one directory: processes append, acknowledge, read and end in every way, while file operations
// fail or take fewer bytes than given. After every start, the records are compared with a plain list.

type Step =
  | { readonly do: 'append'; readonly count: number; readonly bytes: number }
  | { readonly do: 'settle'; readonly picks: readonly number[] }
  | { readonly do: 'bury'; readonly pick: number }
  | { readonly do: 'flush' | 'read' | 'wait' }
  | ({ readonly do: 'restart' } & Restart);

const kinds = ['crash-before', 'crash-after', 'fail-before', 'fail-after', 'short', 'full'] as const;
const fault = fc.record({ call: fc.integer({ min: 1, max: 120 }), kind: fc.constantFrom(...kinds) });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 12 }),
      bytes: fc.oneof(fc.integer({ min: 20, max: 400 }), fc.integer({ min: 3_000, max: 9_000 })),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('settle' as const), picks: fc.array(fc.nat(40), { maxLength: 25 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('bury' as const), pick: fc.nat(40) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'read' as const, 'wait' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('restart' as const),
      ending: fc.constantFrom('close' as const, 'kill' as const, 'power' as const),
      faults: fc.oneof(fc.constant([]), fc.array(fault, { maxLength: 4 })),
    }),
  },
);

async function take(world: World, one: Exclude<Step, { do: 'restart' }>): Promise<void> {
  const { outbox } = world;
  if (outbox === null) return;
  const open = world.unsettled();
  const pick = (n: number) => at(open, n % open.length);
  if (one.do === 'append') for (let i = 0; i < one.count; i += 1) world.append(one.bytes);
  else if (one.do === 'settle' && open.length > 0) world.acknowledge(one.picks.map(pick));
  else if (one.do === 'bury' && open.length > 0) await world.deadLetter(pick(one.pick));
  else if (one.do === 'flush') await world.alive(outbox.flush());
  else if (one.do === 'wait') await new Promise((resolve) => setTimeout(resolve, 3));
  else if (one.do === 'read') await expectReadable(world);
}

for (const fsync of ['batch', 'each', 'interval'] as const satisfies readonly FsyncPolicy[]) {
  test(`O1, O3, O4, O6, G7: exactly the records stored with ${fsync} and not acknowledged exist, byte for byte, whatever happens`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer(), async (steps, seed) => {
        const world = new World({ fsync, fsyncIntervalMs: 2, random: randomFrom(seed) });
        await world.open();
        for (const one of steps) {
          if (one.do === 'restart') await restart(world, one);
          else await take(world, one);
          await turn();
        }
        await restart(world, { ending: 'power', faults: [] });
        await expectLetters(world);
      }),
      runs(300),
    );
  });
}
