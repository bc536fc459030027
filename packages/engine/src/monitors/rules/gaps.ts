import { counted, type Gap, type GapMonitor, type GapsReport, MONITOR_DEFAULTS } from '@pik/schema';
import { commandOf, type Finding, groupOf, type Judgement, judgement, seriesName, timeOf } from './finding.ts';

/** Series with gaps that have ended recently. */
export function judgeGaps(monitor: GapMonitor, report: GapsReport, nowMs: number): Judgement {
  const { states = ['OUTAGE', 'PARTIAL'], recent_ms = MONITOR_DEFAULTS.gaps_recent_ms } = monitor;
  const isAsked = ({ state, kind }: Gap) =>
    state === 'PARTIAL' ? states.includes('PARTIAL') : state === 'MISSING' && (kind === null || states.includes(kind));
  const bySeries = new Map<string, Gap[]>();
  for (const gap of report.gaps) {
    if (!isAsked(gap) || Date.parse(gap.end_time) < nowMs - recent_ms) continue;
    const name = seriesName(gap.series);
    bySeries.set(name, [...(bySeries.get(name) ?? []), gap]);
  }
  const findings = [...bySeries].map(([subject, gaps]) => findingOf(subject, gaps, nowMs));
  return judgement(findings, report);
}

function findingOf(subject: string, gaps: readonly Gap[], nowMs: number): Finding {
  const [first] = gaps;
  const last = gaps.at(-1) ?? first;
  const { source, event_type } = first?.series ?? {};
  const scope = { source, event_type, start_time: timeOf(nowMs - MONITOR_DEFAULTS.history_ms), as_of: timeOf(nowMs) };
  const many = gaps.length === 1 ? '' : `${counted(gaps.length, 'gap')}, the latest: `;
  const cause = last?.cause == null ? '' : ` Cause: ${last.cause}.`;
  return {
    subject,
    group: groupOf({ source, event_type }),
    sentence: `${subject}: ${many}${last?.text ?? ''}${cause}`,
    since: first?.start_time ?? null,
    command: commandOf('gaps', scope),
    page: { path: '/gaps', fields: { source, type: event_type, from: scope.start_time, as_of: scope.as_of } },
  };
}
