import { KitError } from '@pik/schema';

import { type GlobalOptions, investigator, print } from '../session.ts';
import { createProgress } from '../terminal.ts';
import { type RangeOptions, startOf } from '../times.ts';
import { type Mended, mendOne } from './mended.ts';
import { loadRejectMap } from './reject-map.ts';
import { MendReport } from './report.ts';
import { openWay, type Way } from './way.ts';

/** Which rejected receipts, and what mends them. */
export interface MendOptions extends GlobalOptions, RangeOptions {
  readonly code?: string;
  readonly source?: string;
  readonly type?: string;
  /** A module that exports the map; without it receipts are sent again as they are. */
  readonly map?: string;
  readonly dryRun?: boolean;
}

/** Receipts that are mended together; what is sent of them stays below the limit of one request. */
const PART_RECEIPTS = 500;
const PART_BYTES = 1_000_000;

/**
 * Mends all rejected receipts of a selection and sends them again, part by part. Before a part is sent the backend says what
 * would become of each: only what it would take as new is sent. So one run after another goes on where the one before was
 * cut short, and leaves no second receipt of what is there. True when all of them are in.
 */
export async function mendRejects(options: MendOptions): Promise<boolean> {
  const { code, source, type, dryRun = false } = options;
  const map = options.map === undefined ? null : await loadRejectMap(options.map);
  const report = new MendReport(dryRun);
  const mend = createMend(openWay(options), { report, dryRun });
  const receipts = investigator(options).readRejectedReceipts({
    code,
    source,
    event_type: type,
    start_time: startOf(options),
    end_time: options.to,
    time_zone: options.timeZone,
  });
  const progress = createProgress(dryRun ? 'trying' : 'mending', 0);
  try {
    let part: Mended[] = [];
    let bytes = 0;
    const flush = async () => {
      await mend(part);
      part = [];
      bytes = 0;
    };
    for await (const receipt of receipts) {
      report.found += 1;
      progress.add(1);
      const mended = await mendOne(receipt, map);
      if ('status' in mended) {
        report.addUnmended(mended);
        continue;
      }
      const size = mended.text?.length ?? mended.before.length;
      if (part.length >= PART_RECEIPTS || bytes + size > PART_BYTES) await flush();
      part.push(mended);
      bytes += size;
    }
    await flush();
  } catch (error) {
    progress.stop();
    if (!KitError.is(error) || report.found === 0) throw error;
    print(options, report.json(), () => report.text());
    const again = dryRun ? '' : '; run it again to continue';
    throw new KitError(error.code, `${error.message}; ${report.mended} receipts were mended before${again}`, {
      cause: error,
    });
  } finally {
    progress.stop();
  }
  print(options, report.json(), () => report.text());
  return report.isGood;
}

function createMend(
  way: Way,
  { report, dryRun }: { report: MendReport; dryRun: boolean },
): (part: readonly Mended[]) => Promise<void> {
  // A dry run leaves nothing behind by which the next part would know these.
  const tried = new Set<string>();
  return async (part) => {
    if (part.length === 0) return;
    const fresh: Mended[] = [];
    for (const [i, result] of (await way(part, { dryRun: true })).entries()) {
      const one = part[i] as Mended;
      const { event_id } = result;
      const isNew = result.status === 'ACCEPTED' && (event_id === null || !tried.has(event_id));
      if (isNew && !dryRun) fresh.push(one);
      else if (result.status === 'ACCEPTED' && !isNew) report.already_in += 1;
      else report.add(one, result);
      if (dryRun && event_id !== null) tried.add(event_id);
    }
    if (fresh.length === 0) return;
    const sent = await way(fresh, { dryRun: false });
    for (const [i, result] of sent.entries()) report.add(fresh[i] as Mended, settled(result));
  };
}

/** Of what was sent as new, a repeat is what an earlier try of the same call left. */
function settled<R extends { readonly status: string }>(result: R): R {
  return result.status === 'DUPLICATE' ? { ...result, status: 'ACCEPTED' } : result;
}
