import { type DuplicatesMonitor, type DuplicatesReport, MONITOR_DEFAULTS } from '@pik/schema';
import {
  commandOf,
  type Finding,
  groupOf,
  type Judgement,
  judgement,
  seriesName,
  shortTime,
  timeOf,
} from './finding.ts';

type Storm = DuplicatesReport['storms'][number];

/** Series in which repeats were far more frequent than usual, a short time ago. */
export function judgeDuplicates(monitor: DuplicatesMonitor, report: DuplicatesReport, nowMs: number): Judgement {
  const { recent_ms = MONITOR_DEFAULTS.duplicates_recent_ms } = monitor;
  const latest = new Map<string, Storm>();
  for (const storm of report.storms) {
    if (Date.parse(storm.end_time) < nowMs - recent_ms) continue;
    const known = latest.get(seriesName(storm));
    if (known === undefined || storm.end_time > known.end_time) latest.set(seriesName(storm), storm);
  }
  const findings = [...latest.values()].map((storm) => findingOf(storm, nowMs));
  return judgement(findings, report);
}

const percent = (share: number) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

function findingOf(storm: Storm, nowMs: number): Finding {
  const { source, event_type, start_time, end_time, repeats, receipts, share, usual_share } = storm;
  const scope = {
    source,
    event_type,
    start_time: timeOf(nowMs - MONITOR_DEFAULTS.duplicates_history_ms),
    as_of: timeOf(nowMs),
  };
  const many = `${repeats} of ${receipts} receipts (${percent(share)}, usually ${percent(usual_share)})`;
  return {
    subject: seriesName(storm),
    group: groupOf({ source, event_type }),
    sentence: `${seriesName(storm)}: ${many} repeat an event, from ${shortTime(start_time)} to ${shortTime(end_time)}.`,
    since: start_time,
    command: commandOf('duplicates', { ...scope, basis: 'received' }),
    page: { path: '/duplicates', fields: { source, type: event_type, from: scope.start_time, as_of: scope.as_of } },
  };
}
