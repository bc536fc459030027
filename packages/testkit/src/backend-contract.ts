import type { Backend } from '@pik/engine';
import { createIds } from '@pik/engine/internals';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { admitContract } from './backend-contract/admit.ts';
import { deadLetterContract } from './backend-contract/dead-letters.ts';
import { failureContract } from './backend-contract/failures.ts';
import { fileContract } from './backend-contract/files.ts';
import { investigationContract } from './backend-contract/investigations.ts';
import { monitorContract } from './backend-contract/monitors.ts';
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
  'monitor store': [monitorContract],
  'all of them together': [investigationContract, reportPagesContract],
};

/**
 * The promises of the port, as tests that every backend passes unchanged. Each test has its own storage. The port is
 * read-after-write, so tests read acknowledged writes without waiting. Only hidden messages of a queue appear with time,
 * and tests may poll a queue more than once. No test relies on queue order or on single delivery.
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

  it('finds everything that was written after closing and opening again', async () => {
    const { backend, newId, reopen } = world();
    const row = makeEventRow(newId());
    await backend.rawLog.append(row.pack_id, Uint8Array.of(1));
    await admit(backend, [row]);
    const opened = await reopen();
    expect(await opened.index.getEvent(row.event_id)).toEqual(row);
    expect(await opened.rawLog.read(row.pack_id)).not.toBeNull();
  });
}
