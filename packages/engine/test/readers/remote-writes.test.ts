import { createMemoryBackend } from '@pik/testkit';
import { expect, it } from 'vitest';

import { doWrite, withRemoteWrites } from '../../src/readers/remote-writes.ts';

it('writes of a reader are done by the other backend, and its reads by itself', async () => {
  const [own, other] = [createMemoryBackend(), createMemoryBackend()];
  const backend = withRemoteWrites(own, (write) => doWrite(other, write));
  await backend.index.setMark('m', 7);
  expect([await own.index.getMark('m'), await other.index.getMark('m'), await backend.index.getMark('m')]).toEqual([
    null,
    7,
    null,
  ]);
  await backend.files.put('records/x', Uint8Array.of(1));
  expect(await other.files.get('records/x')).toEqual(Uint8Array.of(1));
  expect(await own.files.get('records/x')).toBeNull();
});

it.each([
  ['index', 'admit'],
  ['rawLog', 'append'],
  ['index', 'getEvent'],
  ['constructor', 'call'],
  ['clock', 'now'],
])('%s.%s is not a write that a reader may ask for', async (store, method) => {
  await expect(doWrite(createMemoryBackend(), { store, method, args: [] })).rejects.toMatchObject({ code: 'INTERNAL' });
});
