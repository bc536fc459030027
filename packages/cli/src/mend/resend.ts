import { at, type IngestResult, KitError } from '@pik/schema';
import { createRecordSender } from '@pik/sdk';

import { connection, type GlobalOptions, investigator } from '../session.ts';
import type { Mended } from './mended.ts';

/** Sends mended receipts again or, in a dry run, predicts their outcomes. */
export type Resend = (mended: readonly Mended[], options: { dryRun: boolean }) => Promise<IngestResult[]>;

/**
 * Sends receipts back the way they came: imported receipts carry their own receive time, which only an import may set;
 * all others become new receipts that link to their originals.
 */
export function createResend(options: GlobalOptions): Resend {
  const ask = investigator(options);
  const sender = (dryRun: boolean) => createRecordSender({ ...connection(options), backfill: true, dryRun });
  const [sending, trying] = [sender(false), sender(true)];
  return async (mended, { dryRun }) => {
    const results = new Map<number, IngestResult>();
    const places = (imported: boolean) => [...mended.keys()].filter((i) => mended[i]?.receipt.imported === imported);
    const live = places(false);
    const imported = places(true);
    if (live.length > 0) {
      const receipts = live
        .map((i) => at(mended, i))
        .map(({ receipt: { pack_id, line }, text }) => ({
          pack_id,
          line,
          body: text ?? undefined,
        }));
      const answer = await ask.reingest(receipts, { dryRun });
      for (const [n, i] of live.entries()) results.set(i, at(answer.results, n).result);
    }
    // Records that span lines go in a separate request: an array is parsed as one text.
    for (const spans of [false, true]) {
      const some = imported.filter((i) => bytesOf(at(mended, i)).includes(0x0a) === spans);
      if (some.length === 0) continue;
      const outcomes = await (dryRun ? trying : sending).send(some.map((i) => bytesOf(at(mended, i))));
      for (const [n, i] of some.entries()) {
        const outcome = at(outcomes, n);
        if (KitError.is(outcome)) throw outcome;
        results.set(i, outcome);
      }
    }
    return mended.map((_, i) => {
      const result = results.get(i);
      if (result === undefined) throw new KitError('INTERNAL', 'a receipt was left without an outcome');
      return result;
    });
  };
}

function bytesOf({ before, text }: Mended): Uint8Array {
  return text === null ? before : Buffer.from(text);
}
