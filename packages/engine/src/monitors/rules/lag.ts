import { durationText, type LagMonitor, type LagReport, MONITOR_DEFAULTS } from '@pik/schema';
import { commandOf, type Finding, groupOf, type Judgement, judgement, seriesName, timeOf } from './finding.ts';

type Group = LagReport['groups'][number];

/** Series whose events arrive later than the monitor allows. */
export function judgeLag(monitor: LagMonitor, report: LagReport, nowMs: number): Judgement {
  const findings = report.groups.flatMap(({ group, figures }): Finding[] => {
    const text = lagText(monitor, figures);
    return text === null ? [] : [findingOf(monitor, { group, text, nowMs })];
  });
  return judgement(findings, report);
}

function lagText(monitor: LagMonitor, { p95_ms, late_count, count }: Group['figures']): string | null {
  const { p95_ms_max, late_share_max, late_over_ms = MONITOR_DEFAULTS.late_over_ms } = monitor;
  if (p95_ms_max !== undefined && p95_ms > p95_ms_max)
    return `95 of 100 events arrive within ${durationText(p95_ms)}, more than ${durationText(p95_ms_max)}`;
  if (late_share_max === undefined || late_count <= late_share_max * count) return null;
  const late = `${late_count} of ${count} events arrived later than ${durationText(late_over_ms)}`;
  return `${late}, a share of ${(late_count / count).toFixed(3)} where ${late_share_max} is allowed`;
}

function findingOf(
  monitor: LagMonitor,
  { group, text, nowMs }: { group: Group['group']; text: string; nowMs: number },
): Finding {
  const { source, event_type } = group;
  const { within_ms = MONITOR_DEFAULTS.lag_within_ms, late_over_ms } = monitor;
  const scope = { source, event_type, start_time: timeOf(nowMs - within_ms), as_of: timeOf(nowMs) };
  return {
    subject: seriesName(group),
    group: groupOf({ source, event_type }),
    sentence: `${seriesName(group)}: ${text}, of those received in the last ${durationText(within_ms)}.`,
    since: null,
    command: commandOf('lag', { ...scope, basis: 'received', late_over_ms }),
    page: { path: '/lag', fields: { source, type: event_type, from: scope.start_time, as_of: scope.as_of } },
  };
}
