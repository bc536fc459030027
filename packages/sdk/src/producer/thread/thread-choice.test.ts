import { afterEach, describe, expect, it, vi } from 'vitest';

import { EventRate, planThread } from './thread-choice.ts';

afterEach(() => void vi.unstubAllEnvs());

/** The environment of a service: this one is that of a test. */
function asService(variables: Readonly<Record<string, string>> = {}): void {
  for (const name of ['VITEST', 'JEST_WORKER_ID', 'NODE_TEST_CONTEXT', 'AWS_LAMBDA_FUNCTION_NAME'])
    vi.stubEnv(name, variables[name]);
  vi.stubEnv('NODE_ENV', variables.NODE_ENV ?? 'production');
}

describe('a thread', () => {
  it.each([
    ['auto', {}, 'when it pays'],
    ['auto', { AWS_LAMBDA_FUNCTION_NAME: 'f' }, 'never'],
    ['auto', { NODE_ENV: 'test' }, 'never'],
    ['auto', { JEST_WORKER_ID: '1' }, 'never'],
    ['always', { AWS_LAMBDA_FUNCTION_NAME: 'f' }, 'at once'],
    ['always', {}, 'at once'],
    ['never', {}, 'never'],
  ] as const)('of mode %s is started in an environment with %o: %s', (mode, variables, when) => {
    asService(variables);
    expect(planThread(mode, { url: 'http://127.0.0.1:1' })).toEqual({ when, obstacle: null });
  });

  it('that cannot be started is reported to those who asked for it only', () => {
    asService();
    const connection = { fetch: async () => new Response('') };
    expect(planThread('auto', connection)).toEqual({ when: 'never', obstacle: null });
    expect(planThread('always', connection)).toEqual({ when: 'never', obstacle: expect.stringContaining('fetch') });
  });
});

describe('the rate of events', () => {
  /** The seconds after which a thread pays, at these events per second; null: not within a minute. */
  function paysAfter(perS: number, hasOutbox = false): number | null {
    const rate = new EventRate(hasOutbox, 0);
    for (let ms = 100; ms <= 60_000; ms += 100) if (rate.add(perS / 10, ms)) return ms / 1_000;
    return null;
  }

  it('pays for a thread after three seconds in a row', () => {
    expect(paysAfter(1_000)).toBe(3);
    expect(paysAfter(100_000)).toBe(3);
    expect(paysAfter(990)).toBeNull();
    expect([paysAfter(250, true), paysAfter(240, true)]).toEqual([3, null]);
  });

  it('pays for no thread while bursts are short', () => {
    const rate = new EventRate(false, 0);
    for (let second = 1; second < 100; second++)
      expect(rate.add(second % 3 === 0 ? 0 : 50_000, second * 1_000)).toBe(false);
  });
});
