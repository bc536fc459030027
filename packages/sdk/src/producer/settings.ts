import { type ErrorCode, EVENT_LIMITS, KitError } from '@pik/schema/events';

/** Behavior when the buffer is full; see `ProducerOptions.overflow`. */
export type Overflow = 'wait' | 'undelivered' | 'drop-oldest';

/**
 * Whether a producer does its work in a thread. `auto`: where events come so fast that it pays. `always`: from the first
 * event on. `never`: in the thread of the caller.
 */
export type ThreadMode = 'auto' | 'always' | 'never';

/** Limits of a producer. Each has a default. */
export interface ProducerLimits {
  /** Events in one request. Default: 500, at most 5,000. */
  readonly batchCountMax?: number | undefined;
  /** Bytes in one request before compression. Default: 1,000,000, at most 16,000,000. */
  readonly batchBytesMax?: number | undefined;
  /** Milliseconds that an event waits for its batch to fill. Default: 200. */
  readonly flushIntervalMs?: number | undefined;
  /** Events that may wait or be in flight. Default: 100,000. */
  readonly bufferCountMax?: number | undefined;
  /** Bytes of the events that may wait or be in flight. Default: 64 MiB. */
  readonly bufferBytesMax?: number | undefined;
  /** Concurrent requests. Default: 8. */
  readonly requestsInFlightMax?: number | undefined;
  /** Milliseconds for one attempt. Default: 10,000. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Milliseconds from `emit` after which an undeliverable event is given up. While the backend takes events, no event
   * is given up, however long it waits. Time in which the process is suspended does not count. Default: 120,000.
   */
  readonly deadlineMs?: number | undefined;
  /** Attempts to send one batch. Default: as many as fit into `deadlineMs`. */
  readonly attemptsMax?: number | undefined;
  /** Bytes from which a batch is compressed with gzip. Default: 1,024. */
  readonly gzipBytesMin?: number | undefined;
}

/** The effective settings. */
export type Settings = Readonly<Record<keyof ProducerLimits, number>> & Choices;

interface Choices {
  readonly overflow: Overflow;
  readonly thread: ThreadMode;
}

const DEFAULTS: Readonly<Record<keyof ProducerLimits, number>> = {
  batchCountMax: 500,
  batchBytesMax: 1_000_000,
  flushIntervalMs: 200,
  bufferCountMax: 100_000,
  bufferBytesMax: 64 * 1024 * 1024,
  requestsInFlightMax: 8,
  requestTimeoutMs: 10_000,
  deadlineMs: 120_000,
  attemptsMax: Number.MAX_SAFE_INTEGER,
  gzipBytesMin: 1_024,
};

const LARGEST: Partial<Record<keyof ProducerLimits, number>> = {
  batchCountMax: EVENT_LIMITS.events_per_request_max,
  batchBytesMax: 16_000_000,
};

const MAY_BE_ZERO = new Set<keyof ProducerLimits>(['flushIntervalMs', 'gzipBytesMin']);
const OVERFLOWS: readonly Overflow[] = ['wait', 'undelivered', 'drop-oldest'];
const THREADS: readonly ThreadMode[] = ['auto', 'always', 'never'];

/** The limits from options and defaults. Throws KitError `CONFIG_INVALID`. */
export function settingsOf(
  options: ProducerLimits & { readonly [K in keyof Choices]?: Choices[K] | undefined },
): Settings {
  const settings: Record<keyof ProducerLimits, number> = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof ProducerLimits)[]) {
    const value = options[name];
    if (value === undefined) continue;
    const least = MAY_BE_ZERO.has(name) ? 0 : 1;
    const most = LARGEST[name] ?? Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(value) || value < least || value > most)
      throw invalid(name, `a whole number from ${least} to ${most}`);
    settings[name] = value;
  }
  const { overflow = 'wait', thread = 'auto' } = options;
  if (!OVERFLOWS.includes(overflow)) throw invalid('overflow', `one of ${OVERFLOWS.join(', ')}`);
  if (!THREADS.includes(thread)) throw invalid('thread', `one of ${THREADS.join(', ')}`);
  return { ...settings, overflow, thread };
}

function invalid(name: string, form: string): KitError {
  const code: ErrorCode = 'CONFIG_INVALID';
  return new KitError(code, `${name} must be ${form}`, { path: `/${name}` });
}
