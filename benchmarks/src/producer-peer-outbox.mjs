// The same producer with an outbox on the disk of the temporary folder: one fsync per batch of writes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openOutbox } from '@pik/sdk/outbox';

import { create as createPeer } from './producer-peer.mjs';

export async function create(given) {
  const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
  const outbox = await openOutbox({ dir });
  const peer = await createPeer({ ...given, outbox });
  return {
    ...peer,
    flush: async () => {
      await peer.flush();
      rmSync(dir, { recursive: true });
    },
  };
}
