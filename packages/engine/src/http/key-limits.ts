import { KitError, MS_PER_DAY } from '@pik/schema';

import type { ApiKey } from './auth.ts';

/** The limits of the keys of a server, counted in memory: a restart forgets what was used. */
export interface KeyLimits {
  /**
   * Counts a request of a holder of a key.
   *
   * @throws KitError `RATE_LIMITED` with the time to wait.
   */
  admit(name: string | null, nowMs: number): void;
  /** Counts the bytes of a request that was admitted at this time. */
  used(name: string | null, use: { readonly bytes: number; readonly nowMs: number }): void;
}

interface Use {
  readonly perMinute: number | null;
  readonly bytesPerDay: number | null;
  /**
   * Credit for requests, at most that of a minute. Each millisecond adds the limit, and a request costs 60,000: all numbers
   * are whole, so a wait is exact.
   */
  credit: number;
  filledMs: number;
  day: number;
  bytes: number;
}

const MS_PER_MINUTE = 60_000;

/** Makes the limits of keys. Those of one name share theirs; a key without limits has none. */
export function createKeyLimits(apiKeys: readonly ApiKey[] = []): KeyLimits {
  const uses = new Map<string, Use>();
  for (const { name, requests_per_minute = null, bytes_per_day = null } of apiKeys) {
    if (requests_per_minute === null && bytes_per_day === null) continue;
    const fresh = {
      credit: (requests_per_minute ?? 0) * MS_PER_MINUTE,
      filledMs: Number.NEGATIVE_INFINITY,
      day: 0,
      bytes: 0,
    };
    uses.set(name, { perMinute: requests_per_minute, bytesPerDay: bytes_per_day, ...fresh });
  }
  const useOf = (name: string | null) => (name === null ? undefined : uses.get(name));
  return {
    admit(name, nowMs) {
      const use = useOf(name);
      if (use === undefined) return;
      checkDay(use, nowMs);
      takeToken(use, nowMs);
    },
    used(name, { bytes, nowMs }) {
      const use = useOf(name);
      if (use === undefined) return;
      startDay(use, nowMs);
      use.bytes += bytes;
    },
  };
}

function startDay(use: Use, nowMs: number): void {
  const day = Math.floor(nowMs / MS_PER_DAY);
  if (day === use.day) return;
  use.day = day;
  use.bytes = 0;
}

function checkDay(use: Use, nowMs: number): void {
  startDay(use, nowMs);
  if (use.bytesPerDay === null || use.bytes < use.bytesPerDay) return;
  const retryAfterMs = (use.day + 1) * MS_PER_DAY - nowMs;
  throw new KitError('RATE_LIMITED', 'the key has used its bytes of this day (UTC)', { retryAfterMs });
}

function takeToken(use: Use, nowMs: number): void {
  const { perMinute } = use;
  if (perMinute === null) return;
  // A clock that was set back fills nothing.
  const passedMs = Math.max(0, nowMs - use.filledMs);
  use.credit = Math.min(perMinute * MS_PER_MINUTE, use.credit + passedMs * perMinute);
  use.filledMs = nowMs;
  if (use.credit < MS_PER_MINUTE) {
    const retryAfterMs = Math.ceil((MS_PER_MINUTE - use.credit) / perMinute);
    throw new KitError('RATE_LIMITED', `the key may send ${perMinute} requests a minute`, { retryAfterMs });
  }
  use.credit -= MS_PER_MINUTE;
}
