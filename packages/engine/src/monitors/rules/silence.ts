import { durationText, type GapsReport, type LagReport, type SilenceMonitor } from '@pik/schema';
import { commandOf, type Finding, groupOf, type Judgement, seriesName, timeOf } from './finding.ts';

/**
 * Series whose present silence is too long for chance. A silence ends with an event, never because time passes: neither the age of
 * its last event nor a threshold that has moved ends an incident.
 */
export function judgeSilence(report: GapsReport, nowMs: number): Judgement {
  const last = new Map<string, string>();
  const findings: Finding[] = [];
  for (const { series, silence, last_time } of report.series) {
    const { source, event_type } = series;
    const subject = seriesName(series);
    last.set(subject, last_time);
    if (silence?.longer_than_chance !== true) continue;
    const scope = { source, event_type, start_time: timeOf(nowMs - 30 * 86_400_000), as_of: timeOf(nowMs) };
    findings.push({
      subject,
      group: groupOf({ source, event_type }),
      sentence: `${subject}: ${silence.text}`,
      since: last_time,
      command: commandOf('gaps', { ...scope, basis: 'received' }),
      page: {
        path: '/gaps',
        fields: { source, type: event_type, from: scope.start_time, as_of: scope.as_of },
      },
    });
  }
  return { findings, isOver: (subject, since) => since !== null && (last.get(subject) ?? '') > since };
}

/** A declared silence: nothing new was received for the declared time. */
export function judgeDeclaredSilence(monitor: SilenceMonitor, report: LagReport, nowMs: number): Judgement {
  const { source, event_type, after_ms = 0 } = monitor;
  if (report.total !== null) return { findings: [], isOver: () => true };
  const subject = seriesName({ source, event_type });
  const scope = { source, event_type, start_time: timeOf(nowMs - after_ms), as_of: timeOf(nowMs) };
  const page = {
    source,
    type: event_type,
    from: timeOf(nowMs - Math.max(after_ms * 2, 86_400_000)),
    as_of: scope.as_of,
  };
  const finding: Finding = {
    subject,
    group: groupOf({ source, event_type }),
    sentence: `${subject}: no new event was received in the last ${durationText(after_ms)}.`,
    since: null,
    command: commandOf('lag', { ...scope, basis: 'received' }),
    page: { path: '/gaps', fields: page },
  };
  return { findings: [finding], isOver: () => !report.partial };
}
