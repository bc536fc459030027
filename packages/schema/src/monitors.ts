import { KitError } from './errors.ts';
import { LIMITS } from './limits.ts';
import type { Sinks } from './sinks.ts';
import { MS_PER_DAY, MS_PER_HOUR } from './time.ts';

/** The conditions that monitors watch. */
export const MONITOR_KINDS = [
  'silence',
  'gaps',
  'lag',
  'completeness',
  'duplicates',
  'failures',
  'drift',
  'metric',
] as const;

/** The condition that a monitor watches. */
export type MonitorKind = (typeof MONITOR_KINDS)[number];

/** How much an alert matters to its reader. */
export const SEVERITIES = ['critical', 'warning', 'info'] as const;

/** How much an alert matters to its reader. */
export type Severity = (typeof SEVERITIES)[number];

/** Fields of every monitor. */
export interface MonitorBase {
  /** Unique among the monitors: 1 to 64 letters, digits, `_`, `-` and `.`. */
  readonly name: string;
  /** Watch this source only. Default: each source by itself. */
  readonly source?: string | undefined;
  /** Watch this event type only. Default: each type by itself. */
  readonly event_type?: string | undefined;
  /** Default: `warning`. */
  readonly severity?: Severity | undefined;
  /** Milliseconds between two checks. Default: a minute for `silence` with `after_ms`, `lag` and `failures`, otherwise five. */
  readonly every_ms?: number | undefined;
  /** Milliseconds for which a condition must hold before an incident fires. Default 0. */
  readonly hold_off_ms?: number | undefined;
  /** Milliseconds for which it must be gone before the incident resolves. Default: five minutes. */
  readonly resolve_after_ms?: number | undefined;
  /** Names of the sinks that hear of it. Default: all. */
  readonly sinks?: readonly string[] | undefined;
  /** Address of instructions for the readers of its alerts. Default: the section of the kit's runbook about the kind. */
  readonly runbook?: string | undefined;
}

/** Nothing arrives any more. */
export interface SilenceMonitor extends MonitorBase {
  readonly kind: 'silence';
  /**
   * Longest time without an event, in milliseconds; needs `source`. Default: learned from the last 30 days of each series, so that at
   * most one deployment in a hundred rings by chance within 30 days.
   */
  readonly after_ms?: number | undefined;
}

/** Windows lack events, although others came after them. */
export interface GapMonitor extends MonitorBase {
  readonly kind: 'gaps';
  /** `OUTAGE` and `PARTIAL` (default) are bounded by chance; `SKIP` is any due time of a clock without a delivery. */
  readonly states?: readonly ('OUTAGE' | 'PARTIAL' | 'SKIP')[] | undefined;
  /** Most milliseconds since the end of a gap. Default: a day. */
  readonly recent_ms?: number | undefined;
}

/** Events arrive late. Needs at least one of the two bounds. */
export interface LagMonitor extends MonitorBase {
  readonly kind: 'lag';
  /** The lag that 95 of 100 events may have, in milliseconds. */
  readonly p95_ms_max?: number | undefined;
  /** Largest share of events that may be late, 0 to 1. */
  readonly late_share_max?: number | undefined;
  /** Lag from which on an event counts as late. Default: two hours. */
  readonly late_over_ms?: number | undefined;
  /** Judge the events received within this many milliseconds until now. Default: an hour. */
  readonly within_ms?: number | undefined;
}

/** A day that has ended is forecast to stay below what is usual. */
export interface CompletenessMonitor extends MonitorBase {
  readonly kind: 'completeness';
  /** Least share of the usual events, 0 to 1. Default 0.9. */
  readonly share_min?: number | undefined;
  /** Milliseconds after the end of the day at which it is judged first. Default: six hours. */
  readonly after_ms?: number | undefined;
  /** Zone of the days. Default: UTC. */
  readonly time_zone?: string | undefined;
}

/** Repeats are far more frequent than usual. */
export interface DuplicatesMonitor extends MonitorBase {
  readonly kind: 'duplicates';
  /** Most milliseconds since the end of a storm. Default: two hours. */
  readonly recent_ms?: number | undefined;
}

/** Receipts are rejected or in conflict, or windows cannot be computed. */
export interface FailureMonitor extends MonitorBase {
  readonly kind: 'failures';
  /** Most failures of one cause. Default 0. */
  readonly count_max?: number | undefined;
  /** Largest share of the receipts of a source and type with one cause, 0 to 1; with `count_max`, both must be exceeded. */
  readonly share_max?: number | undefined;
  /** Default: all. */
  readonly kinds?: readonly ('REJECT' | 'CONFLICT' | 'PROCESSING')[] | undefined;
  /** Judge what was received within this many milliseconds until now. Default: 15 minutes. */
  readonly within_ms?: number | undefined;
}

/** Payloads have changed: paths are new, gone or rarer, or have another type. */
export interface DriftMonitor extends MonitorBase {
  readonly kind: 'drift';
  /** Default: `GONE`, `RARER` and `TYPE`. */
  readonly kinds?: readonly ('NEW' | 'GONE' | 'RARER' | 'TYPE')[] | undefined;
  /** Compare the payloads received within this many milliseconds until now. Default: a day. */
  readonly recent_ms?: number | undefined;
  /** With those received within this many milliseconds before. Default: six days. */
  readonly before_ms?: number | undefined;
}

/** The value of a metric leaves its bounds. Needs at least one of `change_max`, `above` and `below`. */
export interface MetricMonitor extends MonitorBase {
  readonly kind: 'metric';
  readonly metric: string;
  /** Key of the value: an entity id, a source, the JSON array of source and type, or `all`. */
  readonly key: string;
  /** Place of the number in the value, a JSON pointer. Default: the value itself. */
  readonly pointer?: string | undefined;
  /** Largest change against another window, as a share of its value: 0.5 for half as much again, or half as much. */
  readonly change_max?: number | undefined;
  /** The window to compare with: the one before (default), or that of a week before. */
  readonly against?: 'previous' | 'week_before' | undefined;
  /** Rings if the value exceeds this. */
  readonly above?: number | undefined;
  /** Rings if the value is less than this. */
  readonly below?: number | undefined;
  /** Milliseconds after the end of a window at which it is judged. Default 0. */
  readonly settle_ms?: number | undefined;
}

/** A declared monitor. */
export type Monitor =
  | SilenceMonitor
  | GapMonitor
  | LagMonitor
  | CompletenessMonitor
  | DuplicatesMonitor
  | FailureMonitor
  | DriftMonitor
  | MetricMonitor;

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string' && value !== '';
const isShare: Check = (value) => typeof value === 'number' && value >= 0 && value <= 1;
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isMs: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isName: Check = (value) => typeof value === 'string' && /^[\w.-]{1,64}$/.test(value);
const oneOf = (words: readonly string[]): Check => {
  return (value) => typeof value === 'string' && words.includes(value);
};
const someOf = (words: readonly string[]): Check => {
  return (value) => Array.isArray(value) && value.length > 0 && value.every(oneOf(words));
};

const BASE: Readonly<Record<string, Check>> = {
  kind: oneOf(MONITOR_KINDS),
  name: isName,
  source: isText,
  event_type: isText,
  severity: oneOf(SEVERITIES),
  every_ms: (value) => isMs(value) && Number(value) >= 1_000,
  hold_off_ms: isMs,
  resolve_after_ms: isMs,
  sinks: isTexts,
  runbook: isText,
};

const OWN: { readonly [K in MonitorKind]: Readonly<Record<string, Check>> } = {
  silence: { after_ms: (value) => isMs(value) && Number(value) >= 1_000 },
  gaps: { states: someOf(['OUTAGE', 'PARTIAL', 'SKIP']), recent_ms: isMs },
  lag: { p95_ms_max: isNumber, late_share_max: isShare, late_over_ms: isMs, within_ms: isMs },
  completeness: { share_min: isShare, after_ms: isMs, time_zone: isText },
  duplicates: { recent_ms: isMs },
  failures: {
    count_max: isMs,
    share_max: isShare,
    kinds: someOf(['REJECT', 'CONFLICT', 'PROCESSING']),
    within_ms: isMs,
  },
  drift: { kinds: someOf(['NEW', 'GONE', 'RARER', 'TYPE']), recent_ms: isMs, before_ms: isMs },
  metric: {
    metric: isText,
    key: isText,
    pointer: (value) => typeof value === 'string' && (value === '' || value.startsWith('/')),
    change_max: (value) => isNumber(value) && Number(value) > 0,
    against: oneOf(['previous', 'week_before']),
    above: isNumber,
    below: isNumber,
    settle_ms: isMs,
  },
};

/** The reason why a monitor cannot be declared so; null if it can. */
export function monitorFault(given: unknown): string | null {
  if (typeof given !== 'object' || given === null) return 'must be an object, made by defineMonitor';
  const fields: Readonly<Record<string, unknown>> = { ...given };
  if (!isName(fields.name)) return 'needs a name of 1 to 64 letters, digits, _, - and .';
  const kind = MONITOR_KINDS.find((one) => one === fields.kind);
  if (kind === undefined) return `${fields.name} needs a kind of ${MONITOR_KINDS.join(', ')}`;
  const checks = { ...BASE, ...OWN[kind] };
  for (const [name, value] of Object.entries(fields)) {
    const check = checks[name];
    if (check === undefined) return `${fields.name} has the unknown field ${name}`;
    if (value !== undefined && !check(value)) return `${fields.name} has a ${name} that cannot be used`;
  }
  return boundFault(kind, fields);
}

/** A monitor without the bound that it needs would never ring, or always. */
function boundFault(kind: MonitorKind, fields: Readonly<Record<string, unknown>>): string | null {
  const lacks = (...names: string[]) => names.every((name) => fields[name] === undefined);
  if (kind === 'silence' && !lacks('after_ms') && lacks('source')) return `${fields.name} needs source with after_ms`;
  if (kind === 'lag' && lacks('p95_ms_max', 'late_share_max'))
    return `${fields.name} needs p95_ms_max or late_share_max`;
  if (kind !== 'metric') return null;
  if (lacks('metric') || lacks('key')) return `${fields.name} needs metric and key`;
  return lacks('change_max', 'above', 'below') ? `${fields.name} needs change_max, above or below` : null;
}

/**
 * Declares a monitor. `pik serve` and the function on AWS evaluate those of the config, `pik check` evaluates them once.
 *
 * @example
 * import { defineMonitor } from '@pik/schema';
 *
 * export const silent = defineMonitor({ name: 'orders-silent', kind: 'silence', source: 'shop', event_type: 'order' });
 * export const slow = defineMonitor({ name: 'slow', kind: 'lag', p95_ms_max: 60_000, hold_off_ms: 300_000 });
 *
 * @throws KitError `CONFIG_INVALID` naming the field that cannot be used.
 */
export function defineMonitor<const M extends Monitor>(monitor: M): M {
  checkMonitor(monitor);
  return monitor;
}

function checkMonitor(monitor: unknown): asserts monitor is Monitor {
  const fault = monitorFault(monitor);
  if (fault !== null) throw new KitError('CONFIG_INVALID', `the monitor ${fault}`, { path: '/monitors' });
}

/** Throws `CONFIG_INVALID` for monitors that cannot be used together with these sinks. */
export function checkMonitors(monitors: unknown, sinks: Sinks): asserts monitors is readonly Monitor[] {
  if (!Array.isArray(monitors)) throw fault('is not a list');
  if (monitors.length > LIMITS.monitors_max) throw fault(`has more than ${LIMITS.monitors_max}`);
  const names = new Set<string>();
  for (const monitor of monitors as readonly unknown[]) {
    checkMonitor(monitor);
    if (names.has(monitor.name)) throw fault(`has ${monitor.name} twice`);
    names.add(monitor.name);
    const unknown = monitor.sinks?.find((sink) => !Object.hasOwn(sinks, sink));
    if (unknown !== undefined) throw fault(`${monitor.name} names the sink ${unknown}, which is not declared`);
  }
}

function fault(text: string): KitError {
  return new KitError('CONFIG_INVALID', `the list of monitors ${text}`, { path: '/monitors' });
}

/** Milliseconds between two checks of a monitor. Learned ones read the last 30 days. */
export function checkIntervalMs(monitor: Monitor): number {
  const isCheap = monitor.kind === 'lag' || monitor.kind === 'failures' || isDeclaredSilence(monitor);
  return monitor.every_ms ?? (isCheap ? 60_000 : 300_000);
}

function isDeclaredSilence(monitor: Monitor): boolean {
  return monitor.kind === 'silence' && monitor.after_ms !== undefined;
}

/** Defaults of monitors, in milliseconds and shares. */
export const MONITOR_DEFAULTS = {
  resolve_after_ms: 300_000,
  history_ms: 30 * MS_PER_DAY,
  gaps_recent_ms: MS_PER_DAY,
  lag_within_ms: MS_PER_HOUR,
  late_over_ms: 2 * MS_PER_HOUR,
  completeness_share_min: 0.9,
  completeness_after_ms: 6 * MS_PER_HOUR,
  completeness_history_ms: 35 * MS_PER_DAY,
  duplicates_history_ms: 7 * MS_PER_DAY,
  duplicates_recent_ms: 2 * MS_PER_HOUR,
  failures_within_ms: MS_PER_HOUR / 4,
  drift_recent_ms: MS_PER_DAY,
  drift_before_ms: 6 * MS_PER_DAY,
} as const;
