import type { Aggregate } from '@pik/aggregates';
import { type ErrorCode, KitError, type KitErrorOptions, type Window } from '@pik/schema';

import { plainTime } from '../runtime/rules/plain-time.ts';
import type { WindowInput } from './rules/window-input.ts';

/** The input at which the computation of a window failed: the address of its bytes and its series. */
export type FaultyInput = Pick<WindowInput, 'event_id' | 'pack_id' | 'line'> &
  Partial<Pick<WindowInput, 'source' | 'event_type'>>;

/** An error at one input, thrown where the window is not known. */
export class InputError extends KitError {
  readonly input: FaultyInput;

  constructor(input: FaultyInput, cause: KitError) {
    super(cause.code, cause.message, { cause });
    this.input = input;
  }
}

/** Adds the input at which an error occurred. Errors that are not a `KitError` stay as they are. */
export function atInput(error: unknown, input: FaultyInput): unknown {
  return KitError.is(error) && !(error instanceof InputError) ? new InputError(input, error) : error;
}

/** A window of a metric and key. */
export interface NamedWindow {
  readonly aggregate: Aggregate;
  readonly key: string;
  readonly window: Window;
}

/** The reason why a window cannot be computed. */
export interface WindowFault {
  readonly code: ErrorCode;
  /** The reason without the name of the window. */
  readonly reason: string;
  /** The reason without any id, for log lines. Default: `reason`. */
  readonly logged?: string;
  /** The input at fault; null if no single input is. */
  readonly input?: FaultyInput | null;
  /** Any input of the window, as an example to look at. */
  readonly sample?: FaultyInput | null;
}

/** The failure of one window. Its message names the metric, key and window, and the event at fault if there is one. */
export class WindowError extends KitError {
  readonly input: FaultyInput | null;
  readonly sample: FaultyInput | null;
  readonly logged: string;

  constructor(named: NamedWindow, fault: WindowFault, options: KitErrorOptions = {}) {
    super(fault.code, `${windowText(named)}: ${fault.reason}`, options);
    this.input = fault.input ?? null;
    this.sample = fault.sample ?? this.input;
    this.logged = fault.logged ?? fault.reason;
  }
}

/** Names metric, key and window for people: a day by its date in the metric's zone, an hour by its first instant. */
export function windowText({ aggregate, key, window }: NamedWindow): string {
  return `${aggregate.metric}, key ${key}, window ${windowLabel(aggregate, window)}`;
}

function windowLabel({ window: grain, time_zone }: Aggregate, { start_ms }: Window): string {
  const instant = plainTime(start_ms);
  if (grain !== 'day') return instant;
  const options = { timeZone: time_zone, year: 'numeric', month: '2-digit', day: '2-digit' } as const;
  const date = new Intl.DateTimeFormat('en-CA', options).format(start_ms);
  // `date` does not pad the year, so a day before the year 1000 is named by its instant.
  return /^\d{4}-\d{2}-\d{2}$/.test(date) ? date : instant;
}

/** The name and message of what an operator's function threw, truncated. */
export function thrownText(cause: unknown): string {
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return text.slice(0, THROWN_CHARS_MAX);
}

const THROWN_CHARS_MAX = 300;
