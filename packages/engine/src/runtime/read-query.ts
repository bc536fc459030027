import {
  type AskedOf,
  type ChangeSideQuery,
  createWindows,
  fieldFault,
  type GivenOf,
  KitError,
  type MomentBase,
  momentFault,
  parseMoment,
  type Question,
  type TimeReading,
} from '@pik/schema';

/** Throws `REQUEST_INVALID` for a time zone that this runtime does not know. */
export function checkZone(timeZone = 'UTC'): void {
  try {
    createWindows('day', timeZone);
  } catch (error) {
    if (KitError.is(error)) throw fieldFault('time_zone', 'is not a time zone that this server knows');
    throw error;
  }
}

/**
 * Parses a selection: the only place where texts become times, and two times a range. Fills in defaults.
 *
 * @throws KitError `REQUEST_INVALID` with the field's path.
 */
export function readQuery<Q extends Question>(question: Q, given: GivenOf<Q>, base: MomentBase): AskedOf<Q> {
  const values = given as Readonly<Record<string, unknown>>;
  const asked: Record<string, unknown> = { now: base.nowMs };
  for (const [name, { kind, time, fallback }] of Object.entries({ ...question.fields, ...question.params })) {
    const value = values[name];
    if (value === undefined) asked[name] = fallback;
    else if (time !== undefined) asked[name] = readTime(value, { name, time, base });
    else asked[name] = kind === 'text' ? textOf(value) : value;
  }
  checkRange(asked);
  const fault = question.check?.(asked as AskedOf<Q>) ?? null;
  if (fault !== null) throw fieldFault(fault.field, fault.rule);
  return asked as AskedOf<Q>;
}

interface TimeField {
  readonly name: string;
  readonly time: TimeReading;
  readonly base: MomentBase;
}

function readTime(given: unknown, { name, time, base }: TimeField): string | number | ChangeSideQuery {
  const text = textOf(given);
  if (time === 'side' && text === 'now') return { kind: 'NOW' };
  if (time === 'side' && VERSION.test(text)) {
    if (Number(text) < 1) throw fieldFault(name, 'must be a version from 1, a receive time, or now');
    return { kind: 'VERSION', version: Number(text) };
  }
  const instant = parseMoment(text, base);
  if (instant === null) throw fieldFault(name, `cannot be read: ${momentFault(text)}`);
  if (time === 'utc') return instant.utc;
  if (time === 'side') return { kind: 'AS_OF', asOfMs: instant.epoch_ms };
  return instant.epoch_ms + (time === 'ms-up' && instant.sub_ms_ns > 0 ? 1 : 0);
}

const VERSION = /^[0-9]{1,9}$/;

/** An invalid `Date` has no ISO text. */
function textOf(value: unknown): string {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : String(value);
}

/** Both ends are numbers, or fixed-width texts that sort by time. */
function checkRange({ start_time, end_time }: Readonly<Record<string, unknown>>): void {
  if (start_time == null || end_time == null) return;
  if ((start_time as number | string) >= (end_time as number | string))
    throw fieldFault('start_time', 'must lie before end_time');
}
