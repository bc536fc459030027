import {
  counted,
  durationText,
  type FailureGroup,
  type FailureMonitor,
  type FailuresReport,
  MONITOR_DEFAULTS,
} from '@pik/schema';
import { commandOf, type Finding, groupOf, type Judgement, judgement, seriesName, timeOf } from './finding.ts';

/** Causes of failures that are more frequent than the monitor allows. */
export function judgeFailures(monitor: FailureMonitor, report: FailuresReport, nowMs: number): Judgement {
  const { count_max = 0, share_max, kinds } = monitor;
  const isWrong = ({ kind, count, share }: FailureGroup) =>
    (kinds?.includes(kind) ?? true) && count > count_max && (share_max === undefined || share > share_max);
  const findings = report.groups.filter(isWrong).map((group) => findingOf(monitor, group, nowMs));
  return judgement(findings, report);
}

function findingOf(monitor: FailureMonitor, failure: FailureGroup, nowMs: number): Finding {
  const { kind, group, code, detail, count, receipts, fingerprint, first_seen } = failure;
  const { source, event_type } = group;
  const { within_ms = MONITOR_DEFAULTS.failures_within_ms } = monitor;
  const scope = { source, event_type, start_time: timeOf(nowMs - within_ms), as_of: timeOf(nowMs) };
  const whose = source === undefined && event_type === undefined ? 'receipts of unknown source' : seriesName(group);
  const why = detail === null ? code : `${code}, ${detail}`;
  const share = `${counted(count, 'failure')} among ${counted(receipts, 'receipt')}`;
  return {
    subject: `${whose} ${kind} ${fingerprint}`,
    group: groupOf({ source, event_type, kind, code }),
    sentence: `${whose}: ${share} in the last ${durationText(within_ms)}: ${why}.`,
    since: first_seen,
    command: commandOf('failures', scope),
    page: { path: '/failures', fields: { source, type: event_type, from: scope.start_time, as_of: scope.as_of } },
  };
}
