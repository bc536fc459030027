import type { VerifyPage } from '@pik/schema';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { openLocalRebuild } from '../../src/backends/local/open.ts';
import { createContext } from '../../src/runtime/context.ts';
import { type RebuildSummary, rebuildIndex } from '../../src/verify/rebuild.ts';

/** Verifies all pages: the number of receipts, and the faults. */
export async function verifyAll(
  pipeline: Pick<Pipeline, 'verify'>,
): Promise<{ receipts: number; faults: VerifyPage['faults'] }> {
  const all = { receipts: 0, faults: [] as VerifyPage['faults'] };
  let cursor: string | null = null;
  do {
    const page: VerifyPage = await pipeline.verify(cursor);
    all.receipts += page.receipts;
    all.faults.push(...page.faults);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all;
}

/** Rebuilds the index of a data directory as `pik rebuild` does, which reads no config. No backend may have it open. */
export async function rebuildDir(dir: string): Promise<RebuildSummary> {
  const work = await openLocalRebuild({ dir });
  const summary = await rebuildIndex(createContext({ backend: work.backend }), { answered: work.answered });
  await work.finish();
  return summary;
}
