import type { Pipeline } from '@pik/engine';
import { expect, it, vi } from 'vitest';

import { Server } from '../../src/simulator/server.ts';
import { PLAIN, Tape } from '../../src/simulator/tape.ts';
import { World } from '../../src/simulator/world.ts';

const close = vi.hoisted(() => vi.fn<Pipeline['close']>());
vi.mock('@pik/engine', () => ({ createPipeline: () => ({ close }) }));
vi.mock('@pik/engine/local', () => ({ openLocalBackend: () => Promise.resolve({}) }));

/** A world in which a server was started and stopped. */
async function stopped(): Promise<{ world: World; server: Server; error: unknown }> {
  const world = new World(new Tape(PLAIN));
  const server = new Server(world);
  let isDone = false;
  const stopping = server
    .start()
    .then(() => server.stop())
    .then(
      () => null,
      (error: unknown) => error,
    )
    .finally(() => {
      isDone = true;
    });
  await world.runUntil(() => isDone);
  return { world, server, error: await stopping };
}

it('a server that closed everything before it ended has not died', async () => {
  close.mockResolvedValueOnce();
  const { world, server, error } = await stopped();
  expect(error).toBeNull();
  expect(server.running).toBeNull();
  expect(world.deaths).toBe(0);
});

it('a server that could not close everything has died', async () => {
  const failed = new Error('EIO');
  close.mockRejectedValueOnce(failed);
  const { world, server, error } = await stopped();
  expect(error).toBe(failed);
  expect(server.running).toBeNull();
  expect(world.deaths).toBe(1);
});
