import {
  type Computed,
  createWindows,
  type MetricMonitor,
  type MetricView,
  MS_PER_DAY,
  parsePointer,
  readPointer,
  type Window,
} from '@pik/schema';
import { commandOf, type Finding, type Judgement, judgement, shortTime, timeOf } from './finding.ts';

/** The windows that a monitor compares: the last one that has ended and settled, and the one to compare it with. */
export interface ComparedWindows {
  readonly last: Window;
  /** Null if only bounds are declared. */
  readonly base: Window | null;
}

/** The windows of a metric to compare now. */
export function comparedWindows(
  monitor: MetricMonitor,
  { window, time_zone }: Pick<MetricView, 'window' | 'time_zone'>,
  nowMs: number,
): ComparedWindows {
  const { settle_ms = 0, change_max, against = 'previous' } = monitor;
  const windows = createWindows(window, time_zone);
  const last = windows.at(windows.at(nowMs - settle_ms).start_ms - 1);
  if (change_max === undefined) return { last, base: null };
  // The middle of a window is in the same hour or day of the week before, even if the clocks changed since.
  const weekBefore = (last.start_ms + last.end_ms) / 2 - 7 * MS_PER_DAY;
  return { last, base: windows.at(against === 'previous' ? last.start_ms - 1 : weekBefore) };
}

/** Whether the value of the last window is within the bounds. A value that is not a number is not judged. */
export function judgeMetric(
  monitor: MetricMonitor,
  { last, base }: { readonly last: Computed; readonly base: Computed | null },
  nowMs: number,
): Judgement {
  const [value, before] = [numberOf(monitor, last), base === null ? null : numberOf(monitor, base)];
  if (value === null) return { findings: [], isOver: () => false };
  const outside = boundFault(monitor, value);
  const text = outside ?? changeFault(monitor, value, before);
  const against = outside === null ? base : null;
  return judgement(text === null ? [] : [findingOf(monitor, { last, base: against, text, nowMs })], {});
}

function numberOf({ pointer = '' }: MetricMonitor, { value }: Computed): number | null {
  const found = readPointer(value, parsePointer(pointer) ?? []);
  return typeof found === 'number' && Number.isFinite(found) ? found : null;
}

function boundFault({ above, below }: MetricMonitor, value: number): string | null {
  if (above !== undefined && value > above) return `is ${value}, above ${above}`;
  return below !== undefined && value < below ? `is ${value}, below ${below}` : null;
}

function changeFault({ change_max }: MetricMonitor, value: number, before: number | null): string | null {
  if (change_max === undefined || before === null || value === before) return null;
  // From 0 any change is beyond every share.
  if (before !== 0 && Math.abs(value - before) <= change_max * Math.abs(before)) return null;
  const change = before === 0 ? 'from 0' : `by ${(((value - before) / Math.abs(before)) * 100).toFixed(1)} %`;
  return `is ${value} after ${before}: it changed ${change}, more than ${change_max * 100} %`;
}

/** The finding; `base` is the window of the value before if the text names that value. */
function findingOf(
  { metric, key }: MetricMonitor,
  { last, base, text, nowMs }: { last: Computed; base: Computed | null; text: string; nowMs: number },
): Finding {
  const { window_start, window_end } = last;
  const against = base === null ? '' : ` The value before is that of ${shortTime(base.window_start)}.`;
  const scope = { metric, key, window_start: shortTime(window_start), as_of: timeOf(nowMs) };
  return {
    subject: `${metric} of ${key}`,
    group: { metric, key, window_start: shortTime(window_start) },
    sentence: `${metric} of ${key} from ${shortTime(window_start)} to ${shortTime(window_end)} ${text}.${against}`,
    since: shortTime(window_start),
    command: commandOf('compute', scope),
    page: { path: '/metrics/window', fields: { metric, key, window: shortTime(window_start), as_of: scope.as_of } },
  };
}
