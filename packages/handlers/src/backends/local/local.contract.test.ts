import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describeBackendContract } from '../../testing/backend-contract.ts';
import { createTestClock } from '../../testing/memory-backend.ts';
import { openLocalBackend } from './open.ts';

describeBackendContract('files and SQLite', async () => {
  const clock = createTestClock();
  const dir = mkdtempSync(join(tmpdir(), 'pik-contract-'));
  const reopen = () => openLocalBackend({ dir, clock });
  return { backend: await reopen(), clock, reopen };
});
