import { type IngestResult, KitError } from '@pik/schema';
import { createRecordSender } from '@pik/sdk';

import { connection, type GlobalOptions, investigator } from '../session.ts';
import type { Mended } from './mended.ts';

/** How mended receipts come in again, or, dry, what would become of them. */
export type Way = (mended: readonly Mended[], options: { dryRun: boolean }) => Promise<IngestResult[]>;

/**
 * Receipts go back by the road on which they came: those of an import carry a receive time of their own, which only an
 * import may claim; all others are sent as new receipts that name their originals.
 */
export function openWay(options: GlobalOptions): Way {
  const ask = investigator(options);
  const sender = (dryRun: boolean) => createRecordSender({ ...connection(options), backfill: true, dryRun });
  const [sending, trying] = [sender(false), sender(true)];
  return async (mended, { dryRun }) => {
    const results: IngestResult[] = new Array(mended.length);
    const places = (imported: boolean) => [...mended.keys()].filter((i) => mended[i]?.receipt.imported === imported);
    const live = places(false);
    const imported = places(true);
    const at = (i: number) => mended[i] as Mended;
    if (live.length > 0) {
      const receipts = live.map(at).map(({ receipt: { pack_id, line }, text }) => ({
        pack_id,
        line,
        body: text ?? undefined,
      }));
      const answer = await ask.reingest(receipts, { dryRun });
      for (const [n, i] of live.entries()) results[i] = answer.results[n]?.result as IngestResult;
    }
    // A record that spans lines goes with its like: an array is read as one text.
    for (const spans of [false, true]) {
      const some = imported.filter((i) => bytesOf(at(i)).includes(0x0a) === spans);
      if (some.length === 0) continue;
      const outcomes = await (dryRun ? trying : sending).send(some.map((i) => bytesOf(at(i))));
      for (const [n, i] of some.entries()) {
        const outcome = outcomes[n];
        if (KitError.is(outcome)) throw outcome;
        results[i] = outcome as IngestResult;
      }
    }
    return results;
  };
}

function bytesOf({ before, text }: Mended): Uint8Array {
  return text === null ? before : Buffer.from(text);
}
