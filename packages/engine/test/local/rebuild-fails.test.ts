import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { openLocalBackend, openLocalRebuild } from '../../src/backends/local/open.ts';

it('a rebuild that cannot put its index in place says why, can be cancelled, and can be repeated', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'pik-rebuild-'));
  await (await openLocalBackend({ dir })).close();
  const work = await openLocalRebuild({ dir });
  rmSync(join(dir, 'index.new.db'));
  await expect(work.finish()).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
  await work.cancel();
  const again = await openLocalRebuild({ dir });
  await again.finish();
  await (await openLocalBackend({ dir })).close();
  rmSync(dir, { recursive: true });
});
