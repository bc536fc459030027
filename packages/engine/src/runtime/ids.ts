import { LIMITS } from '@pik/schema';
import { v7 } from 'uuid';

import type { Clock } from '../ports/backend.ts';
import { randomIdBytes } from '../ports/random-bytes.ts';

/** The 32-bit counter that orders ids of one millisecond. */
const SEQ_END = 2 ** 32;

/**
 * Creates UUIDv7 ids by the backend's clock. Ids stay in order while the clock wavers: if it lies slightly behind the last
 * id, the last millisecond is kept and its counter rises (the library keeps such state only for its own clock). If the
 * clock was set back further, ids follow it, so that packs lie in the hour in which they were stored.
 */
export function createIds(clock: Clock): () => string {
  let msecs = 0;
  let seq = 0;
  return () => {
    const now = clock.now();
    if (now > msecs || msecs - now > LIMITS.clock_step_ms) {
      msecs = now;
      seq = 0;
    } else if (++seq === SEQ_END) {
      msecs += 1;
      seq = 0;
    }
    return v7({ msecs, seq, rng: randomIdBytes });
  };
}
