import {
  type CompletenessMonitor,
  type CompletenessReport,
  KitError,
  type MetricMonitor,
  MONITOR_DEFAULTS,
  type Monitor,
  type ReportOf,
  type SelectionOf,
} from '@pik/schema';
import type { AnsweredName } from '../api/pipeline.ts';
import { judgeCompleteness } from './rules/completeness.ts';
import { judgeDrift } from './rules/drift.ts';
import { judgeDuplicates } from './rules/duplicates.ts';
import { judgeFailures } from './rules/failures.ts';
import { type Judgement, timeOf } from './rules/finding.ts';
import { judgeGaps } from './rules/gaps.ts';
import { judgeLag } from './rules/lag.ts';
import { comparedWindows, judgeMetric } from './rules/metric.ts';
import { judgeDeclaredSilence, judgeSilence } from './rules/silence.ts';

/** Asks a declared question: of a pipeline, of reader threads, or of a server. */
export type Ask = <N extends AnsweredName>(name: N, given: SelectionOf<N>) => Promise<ReportOf<N>>;

/** A silence needs no causes, so no gaps need to be listed. */
const ONE = 1;
const BY_SERIES = ['source', 'event_type'] as const;
/** Pages of days that one check reads. */
const PAGES_MAX = 20;

/**
 * Judges a monitor by the answers to its questions, as of now.
 *
 * @throws KitError what its questions throw; `METRIC_UNKNOWN` for a metric that the server does not compute.
 */
export async function judgeMonitor(ask: Ask, monitor: Monitor, nowMs: number): Promise<Judgement> {
  const { source, event_type } = monitor;
  const series = { source, event_type };
  const ago = (ms: number) => timeOf(nowMs - ms);
  const since = { ...series, start_time: ago(MONITOR_DEFAULTS.history_ms) };
  switch (monitor.kind) {
    case 'silence': {
      if (monitor.after_ms === undefined)
        return judgeSilence(await ask('gaps', { ...since, basis: 'received', limit: ONE }), nowMs);
      const asked = {
        ...series,
        start_time: ago(monitor.after_ms),
        basis: 'received',
        by: ['source'],
        worst: 1,
      } as const;
      return judgeDeclaredSilence(monitor, await ask('lag', asked), nowMs);
    }
    case 'gaps':
      return judgeGaps(monitor, await ask('gaps', since), nowMs);
    case 'lag': {
      const { within_ms = MONITOR_DEFAULTS.lag_within_ms, late_over_ms } = monitor;
      const asked = { ...series, start_time: ago(within_ms), basis: 'received', late_over_ms, worst: 1 } as const;
      return judgeLag(monitor, await ask('lag', { ...asked, by: BY_SERIES }), nowMs);
    }
    case 'completeness':
      return judgeCompleteness(
        monitor,
        await askDays(ask, monitor, ago(MONITOR_DEFAULTS.completeness_history_ms)),
        nowMs,
      );
    case 'duplicates': {
      const start_time = ago(MONITOR_DEFAULTS.duplicates_history_ms);
      const asked = { ...series, start_time, basis: 'received', worst: 1, limit: 1 } as const;
      return judgeDuplicates(monitor, await ask('duplicates', asked), nowMs);
    }
    case 'failures': {
      const { within_ms = MONITOR_DEFAULTS.failures_within_ms } = monitor;
      return judgeFailures(
        monitor,
        await ask('failures', { ...series, start_time: ago(within_ms), by: BY_SERIES }),
        nowMs,
      );
    }
    case 'drift': {
      const { recent_ms = MONITOR_DEFAULTS.drift_recent_ms, before_ms = MONITOR_DEFAULTS.drift_before_ms } = monitor;
      const asked = { ...series, start_time: ago(recent_ms + before_ms), drift_from: ago(recent_ms), limit: 1_000 };
      return judgeDrift(monitor, await ask('schema', asked), nowMs);
    }
    case 'metric':
      return judgeValue(ask, monitor, nowMs);
  }
}

/** All days of all series, as far as the pages of one check go. */
async function askDays(
  ask: Ask,
  { source, event_type, time_zone }: CompletenessMonitor,
  start_time: string,
): Promise<Pick<CompletenessReport, 'days' | 'partial'>> {
  const days: CompletenessReport['days'][number][] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const asked = { source, event_type, time_zone, start_time, by: BY_SERIES, cursor };
    const report = await ask('completeness', asked);
    for (const day of report.days) days.push(day);
    if (report.partial || report.next_cursor === null) return { days, partial: report.partial };
    cursor = report.next_cursor;
  }
  return { days, partial: true };
}

async function judgeValue(ask: Ask, monitor: MetricMonitor, nowMs: number): Promise<Judgement> {
  const { metric, key } = monitor;
  const { metrics } = await ask('metricList', {});
  const declared = metrics.find((one) => one.metric === metric);
  if (declared === undefined) throw new KitError('METRIC_UNKNOWN', `the server does not compute ${metric}`);
  const { last, base } = comparedWindows(monitor, declared, nowMs);
  const valueAt = (ms: number) => ask('compute', { metric, key, window_start: timeOf(ms) });
  const [value, before] = await Promise.all([valueAt(last.start_ms), base === null ? null : valueAt(base.start_ms)]);
  return judgeMetric(monitor, { last: value, base: before }, nowMs);
}
