import { at, KitError } from '@pik/schema';

import { type GlobalOptions, investigator, print } from '../session.ts';
import { createProgress } from '../terminal.ts';
import { type RangeOptions, startOf } from '../times.ts';
import { MendTotals } from './mend-totals.ts';
import { type Mended, mendOne } from './mended.ts';
import { loadRejectMap } from './reject-map.ts';
import { createResend, type Resend } from './resend.ts';

/** Options of `pik reingest` for a selection of receipts. */
export interface MendOptions extends GlobalOptions, RangeOptions {
  readonly code?: string | undefined;
  readonly source?: string | undefined;
  readonly type?: string | undefined;
  /** A module that exports the map; without it receipts are sent again unchanged. */
  readonly map?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Receipts per part; a part stays below the limits of one request. */
const PART_RECEIPTS = 500;
const PART_BYTES = 1_000_000;

/**
 * Mends all rejected receipts of a selection and sends them again, part by part. Asks the backend for predicted
 * outcomes before each part and sends only the records that it would accept as new. A second run therefore continues
 * after an interrupted one and creates no second receipt for a stored record. True if all of them are stored.
 */
export async function mendRejects(options: MendOptions): Promise<boolean> {
  const { code, source, type, dryRun = false } = options;
  const map = options.map === undefined ? null : await loadRejectMap(options.map);
  const report = new MendTotals(dryRun);
  const mend = createMend(createResend(options), { report, dryRun });
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
  resend: Resend,
  { report, dryRun }: { report: MendTotals; dryRun: boolean },
): (part: readonly Mended[]) => Promise<void> {
  // A dry run stores nothing, so the backend cannot recognise repeats across parts.
  const tried = new Set<string>();
  return async (part) => {
    if (part.length === 0) return;
    const fresh: Mended[] = [];
    for (const [i, result] of (await resend(part, { dryRun: true })).entries()) {
      const mended = at(part, i);
      const { event_id } = result;
      const isNew = result.status === 'ACCEPTED' && (event_id === null || !tried.has(event_id));
      if (isNew && !dryRun) fresh.push(mended);
      else if (result.status === 'ACCEPTED' && !isNew) report.already_in += 1;
      else report.add(mended, result);
      if (dryRun && event_id !== null) tried.add(event_id);
    }
    if (fresh.length === 0) return;
    const sent = await resend(fresh, { dryRun: false });
    for (const [i, result] of sent.entries()) report.add(at(fresh, i), asAccepted(result));
  };
}

/** A repeat among records predicted as new was stored by an earlier attempt of the same call. */
function asAccepted<R extends { readonly status: string }>(result: R): R {
  return result.status === 'DUPLICATE' ? { ...result, status: 'ACCEPTED' } : result;
}
