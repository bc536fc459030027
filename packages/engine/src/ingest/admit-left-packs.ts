import { ERRORS, KitError } from '@pik/schema';

import type { Context } from '../runtime/context.ts';
import { admitPack } from './sweep.ts';

/**
 * Admits the stored packs of this process whose admission failed. Done before a later pack is admitted, because those who follow
 * the log wait for the earlier one, and a sweep finds it only minutes later. Other processes may be at work on a shared
 * log, so there the sweeper does it. If the index still fails, the next group tries again; every other fault is left to the sweeper.
 */
export async function admitLeftPacks(context: Context): Promise<void> {
  const left = context.inFlight.takeLeft();
  if (context.backend.soleOwner === undefined) return;
  for (const packId of left) {
    try {
      await admitPack(context, packId);
    } catch (error) {
      if (KitError.is(error) && ERRORS[error.code].retryable) context.inFlight.leave(packId);
      else context.telemetry.log('error', 'pack_not_admitted', { pack_id: packId, error: String(error) });
    }
  }
}
