import type { Aggregate } from '@pik/aggregates';
import { type ErrorCode, KitError, type KitErrorOptions, type Window } from '@pik/schema';

import { plainTime } from '../runtime/rules/plain-time.ts';
import type { WindowInput } from './rules/window-input.ts';

/** The input at which the computation of a window failed: where its bytes lie, and whose it is. */
export type FaultyInput = Pick<WindowInput, 'event_id' | 'pack_id' | 'line'> &
  Partial<Pick<WindowInput, 'source' | 'event_type'>>;

/** What went wrong with one input, before it is known for which window it was read. */
export class InputError extends KitError {
  readonly input: FaultyInput;

  constructor(input: FaultyInput, cause: KitError) {
    super(cause.code, cause.message, { cause });
    this.input = input;
  }
}

/** The same error with the input at which it came up; anything but an error of the kit stays as it is. */
export function atInput(error: unknown, input: FaultyInput): unknown {
  return KitError.is(error) && !(error instanceof InputError) ? new InputError(input, error) : error;
}

/** Which window of which value. */
export interface NamedWindow {
  readonly aggregate: Aggregate;
  readonly key: string;
  readonly window: Window;
}

/** Why a window cannot be computed, in the words of a failure. */
export interface WindowFault {
  readonly code: ErrorCode;
  /** What happened, without the name of the window. */
  readonly reason: string;
  /** The same without any id, for log lines. Default: the reason. */
  readonly logged?: string;
  /** The input at which it happened; null where no single one is at fault. */
  readonly input?: FaultyInput | null;
  /** An input of the window, at fault or not: something to look at. */
  readonly sample?: FaultyInput | null;
}

/** The failure of one window. Its message names metric, key and window, and the event at fault where there is one. */
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

/** Metric, key and window for a person: a day as its date in the metric's zone, an hour as its first instant. */
export function windowText({ aggregate, key, window }: NamedWindow): string {
  return `${aggregate.metric}, key ${key}, window ${windowLabel(aggregate, window)}`;
}

function windowLabel({ window: grain, time_zone }: Aggregate, { start_ms }: Window): string {
  const instant = plainTime(start_ms);
  if (grain !== 'day') return instant;
  const options = { timeZone: time_zone, year: 'numeric', month: '2-digit', day: '2-digit' } as const;
  const date = new Intl.DateTimeFormat('en-CA', options).format(start_ms);
  // The year is written with as many digits as it has, so one before 1000 is told as an instant.
  return /^\d{4}-\d{2}-\d{2}$/.test(date) ? date : instant;
}

/** What a function of an operator threw, as an error message and no more: name and text, cut. */
export function thrownText(cause: unknown): string {
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return text.slice(0, THROWN_CHARS_MAX);
}

const THROWN_CHARS_MAX = 300;
