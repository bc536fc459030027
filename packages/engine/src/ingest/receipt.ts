import { KitError, packKey, type Receipt, type ReceiptAddress } from '@pik/schema';

import type { Context } from '../runtime/context.ts';
import { envelopeBody, readPack, requireKept } from '../storage/pack-store.ts';

/** Reads one receipt and its bytes as received. Throws `RECEIPT_UNKNOWN`, `RECEIPT_ERASED`, `RAW_CORRUPT`. */
export async function readReceipt(
  context: Context,
  { pack_id, line }: ReceiptAddress,
): Promise<{ receipt: Receipt; body: Uint8Array }> {
  const envelope = (await envelopes(context, pack_id))[line];
  if (envelope === undefined) throw new KitError('RECEIPT_UNKNOWN', `the pack ${pack_id} has no line ${line}`);
  requireKept(envelope);
  return { receipt: { ...envelope, pack_id, raw_key: packKey(pack_id) }, body: envelopeBody(envelope) };
}

/** A missing pack is the caller's mistake if the index does not know it either; otherwise it is our fault. */
async function envelopes(context: Context, packId: string) {
  try {
    return await readPack(context, packId);
  } catch (error) {
    if (!KitError.is(error) || error.code !== 'RAW_MISSING' || (await context.backend.index.getPack(packId)) !== null)
      throw error;
    throw new KitError('RECEIPT_UNKNOWN', `there is no pack ${packId}`);
  }
}
