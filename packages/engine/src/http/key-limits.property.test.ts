import { KitError, MS_PER_DAY } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createKeyLimits } from './key-limits.ts';

const key = (limits: object) => [{ name: 'ios', key_sha256: '0'.repeat(64), scopes: ['ingest' as const], ...limits }];

/** The wait that a refusal names; null if the request is admitted. */
function waitOf(run: () => void): number | null {
  try {
    run();
    return null;
  } catch (error) {
    if (!KitError.is(error)) throw error;
    expect([error.code, error.retryable]).toEqual(['RATE_LIMITED', true]);
    return error.retryAfterMs ?? -1;
  }
}

describe('the requests of a key', () => {
  it('never exceed the limit by more than a minute in hand, and one that waits as long as the answer says is admitted', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), gaps, (perMinute, all) => {
        const limits = createKeyLimits(key({ requests_per_minute: perMinute }));
        let nowMs = 1_000_000;
        const startMs = nowMs;
        let admitted = 0;
        for (const gap of all) {
          nowMs += gap;
          const wait = waitOf(() => limits.admit('ios', nowMs));
          if (wait === null) admitted += 1;
          else {
            expect(wait).toBeGreaterThan(0);
            expect(wait).toBeLessThanOrEqual(Math.ceil(60_000 / perMinute));
            nowMs += wait;
            expect(waitOf(() => limits.admit('ios', nowMs))).toBeNull();
            admitted += 1;
          }
          expect(admitted).toBeLessThanOrEqual(perMinute + ((nowMs - startMs) / 60_000) * perMinute + 1e-6);
        }
      }),
      runs(200),
    );
  });

  it('of a key without limits, of nobody, and of another key are admitted', () => {
    const limits = createKeyLimits(key({ requests_per_minute: 1 }));
    for (let i = 0; i < 5; i++)
      for (const name of [null, 'other']) expect(waitOf(() => limits.admit(name, 0))).toBeNull();
    expect(waitOf(() => limits.admit('ios', 0))).toBeNull();
    expect(waitOf(() => limits.admit('ios', 0))).toBe(60_000);
    // A clock that was set back does not lock the key out for longer.
    expect(waitOf(() => limits.admit('ios', -3_600_000))).toBe(60_000);
    expect(waitOf(() => limits.admit('ios', -3_540_000))).toBeNull();
  });
});

describe('the bytes of a key', () => {
  it('end with the day in UTC, and the wait is until the next', () => {
    const limits = createKeyLimits(key({ bytes_per_day: 100 }));
    const nowMs = 20_000 * MS_PER_DAY + 1_000;
    limits.admit('ios', nowMs);
    limits.used('ios', { bytes: 99, nowMs });
    expect(waitOf(() => limits.admit('ios', nowMs))).toBeNull();
    limits.used('ios', { bytes: 99, nowMs });
    expect(waitOf(() => limits.admit('ios', nowMs))).toBe(MS_PER_DAY - 1_000);
    expect(waitOf(() => limits.admit('ios', nowMs + MS_PER_DAY - 1_000))).toBeNull();
  });
});
