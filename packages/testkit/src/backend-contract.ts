import type { Backend } from '@pik/engine';
import { createIds } from '@pik/engine/internals';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { admitContract } from './backend-contract/admit.ts';
import { deadLetterContract } from './backend-contract/dead-letters.ts';
import { failureContract } from './backend-contract/failures.ts';
import { fileContract } from './backend-contract/files.ts';
import { investigationContract } from './backend-contract/investigations.ts';
import { moveContract } from './backend-contract/moves.ts';
import type { OpenedBackend } from './backend-contract/opened-backend.ts';
import { queueContract } from './backend-contract/queue.ts';
import { rawLogContract } from './backend-contract/raw-log.ts';
import { listContract, readContract } from './backend-contract/reads.ts';
import { replayContract } from './backend-contract/replays.ts';
import { reportPagesContract } from './backend-contract/report-pages.ts';
import { versionContract } from './backend-contract/versions.ts';
import { windowContract } from './backend-contract/windows.ts';
import { admit, type World } from './backend-contract/world.ts';
import { makeEventRow } from './factories.ts';

const PORTS: Readonly<Record<string, readonly ((world: () => World) => void)[]>> = {
  'raw log': [rawLogContract],
  'file store': [fileContract],
  'event index': [admitContract, moveContract, readContract, listContract, failureContract, markContract],
  'aggregate store': [versionContract],
  'replay store': [replayContract, windowContract],
  'replay queue': [queueContract, deadLetterContract],
  'all of them together': [investigationContract, reportPagesContract],
};

/**
 * What the port promises, as tests; every backend passes them unchanged. Each test has storage of its own. The port is
 * read-after-write, so what was answered is there and nothing waits for it; only what a queue hides comes with time, and
 * a queue may be asked more than once. Nothing rests on the order of a queue, nor on its keeping a message once.
 */
export function describeBackendContract(name: string, open: () => Promise<OpenedBackend>): void {
  describe(`${name} keeps the contract of a backend`, () => {
    let opened: OpenedBackend;
    let backend: Backend;
    let newId: () => string;
    beforeEach(async () => {
      opened = await open();
      backend = opened.backend;
      newId = createIds(opened.clock);
    });
    afterEach(() => backend.close());
    const reopen = async () => {
      await backend.close();
      backend = await opened.reopen();
      return backend;
    };
    const world = () => ({ opened, backend, newId, reopen });
    for (const [port, contracts] of Object.entries(PORTS)) {
      describe(port, () => {
        for (const contract of contracts) contract(world);
      });
    }
  });
}

function markContract(world: () => World): void {
  it('marks are remembered, replaced, and null before', async () => {
    const { index } = world().backend;
    expect(await index.getMark('m')).toBeNull();
    await index.setMark('m', 1);
    await index.setMark('m', 2 ** 50);
    expect(await index.getMark('m')).toBe(2 ** 50);
  });

  it('what was written is there after closing and opening again', async () => {
    const { backend, newId, reopen } = world();
    const row = makeEventRow(newId());
    await backend.rawLog.append(row.pack_id, Uint8Array.of(1));
    await admit(backend, [row]);
    const opened = await reopen();
    expect(await opened.index.getEvent(row.event_id)).toEqual(row);
    expect(await opened.rawLog.read(row.pack_id)).not.toBeNull();
  });
}
