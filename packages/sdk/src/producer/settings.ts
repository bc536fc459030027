import { type ErrorCode, KitError, LIMITS } from '@pik/schema/events';

/** What happens to an event for which there is no room. */
export type Overflow = 'wait' | 'undelivered' | 'drop-oldest';

/** The bounds of a producer. Each has a default. */
export interface ProducerLimits {
  /** Events in one request. Default 500, at most 5,000. */
  readonly batchCountMax?: number | undefined;
  /** Bytes in one request before compression. Default 1,000,000, at most 16,000,000. */
  readonly batchBytesMax?: number | undefined;
  /** Milliseconds that an event waits for company. Default 200. */
  readonly flushIntervalMs?: number | undefined;
  /** Events that may wait or be under way. Default 100,000. */
  readonly bufferCountMax?: number | undefined;
  /** Bytes of the events that may wait or be under way. Default 64 MiB. */
  readonly bufferBytesMax?: number | undefined;
  /** Requests under way at a time. Default 8. */
  readonly requestsInFlightMax?: number | undefined;
  /** Milliseconds for one attempt. Default 10,000. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Milliseconds from `emit` after which an event that cannot be delivered is given up; while the backend takes events
   * none is, however long it waits. Time in which the process is frozen does not count. Default 120,000.
   */
  readonly deadlineMs?: number | undefined;
  /** Attempts at one batch. Default: as many as the deadline leaves room for. */
  readonly attemptsMax?: number | undefined;
  /** Batches from this size on are gzipped. Default 1,024 bytes. */
  readonly gzipBytesMin?: number | undefined;
}

/** The bounds in force. */
export type Settings = Required<ProducerLimits> & { readonly overflow: Overflow };

const DEFAULTS: Required<ProducerLimits> = {
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
  batchCountMax: LIMITS.events_per_request_max,
  batchBytesMax: 16_000_000,
};

const MAY_BE_ZERO = new Set<keyof ProducerLimits>(['flushIntervalMs', 'gzipBytesMin']);
const OVERFLOWS: readonly Overflow[] = ['wait', 'undelivered', 'drop-oldest'];

/** The bounds that the options ask for. Throws KitError `CONFIG_INVALID`. */
export function settingsOf(options: ProducerLimits & { readonly overflow?: Overflow }): Settings {
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
  const { overflow = 'wait' } = options;
  if (!OVERFLOWS.includes(overflow)) throw invalid('overflow', `one of ${OVERFLOWS.join(', ')}`);
  return { ...settings, overflow };
}

function invalid(name: string, form: string): KitError {
  const code: ErrorCode = 'CONFIG_INVALID';
  return new KitError(code, `${name} must be ${form}`, { path: `/${name}` });
}
