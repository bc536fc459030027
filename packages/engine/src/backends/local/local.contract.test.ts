import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestClock, describeBackendContract } from '@pik/testkit';
import { openLocalBackend } from './open.ts';

describeBackendContract('files and SQLite', async () => {
  const clock = createTestClock();
  const dir = mkdtempSync(join(tmpdir(), 'pik-contract-'));
  const reopen = () => openLocalBackend({ dir, clock });
  return { backend: await reopen(), clock, reopen };
});
