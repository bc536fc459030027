import { type Drift, type DriftMonitor, durationText, MONITOR_DEFAULTS, type SchemaReport } from '@pik/schema';
import { commandOf, type Finding, groupOf, type Judgement, judgement, seriesName, timeOf } from './finding.ts';

type Series = SchemaReport['series'][number];

/** Paths of payloads that have changed. */
export function judgeDrift(monitor: DriftMonitor, report: SchemaReport, nowMs: number): Judgement {
  const { kinds = ['GONE', 'RARER', 'TYPE'] } = monitor;
  const findings = report.series.flatMap((series) =>
    series.drift
      .filter(({ kind }) => kinds.some((one) => one === kind))
      .map((drift) => findingOf(monitor, { series, drift, nowMs })),
  );
  return judgement(findings, { partial: report.partial || report.next_cursor !== null });
}

const percent = (share: number) => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

function findingOf(
  monitor: DriftMonitor,
  { series: { source, event_type }, drift, nowMs }: { series: Series; drift: Drift; nowMs: number },
): Finding {
  const { recent_ms = MONITOR_DEFAULTS.drift_recent_ms, before_ms = MONITOR_DEFAULTS.drift_before_ms } = monitor;
  const { kind, path, type, share_before, share_since } = drift;
  const scope = {
    source,
    event_type,
    start_time: timeOf(nowMs - recent_ms - before_ms),
    drift_from: timeOf(nowMs - recent_ms),
    as_of: timeOf(nowMs),
  };
  const what = type === null ? path : `${path} as ${type}`;
  const shares = `in ${percent(share_since)} of the events of the last ${durationText(recent_ms)}, in ${percent(share_before)} before`;
  const { start_time, drift_from, as_of } = scope;
  return {
    subject: `${seriesName({ source, event_type })} ${kind} ${what}`,
    group: groupOf({ source, event_type, path, kind }),
    sentence: `${seriesName({ source, event_type })}: ${what} is ${WORDS[kind]}: ${shares}.`,
    since: drift_from,
    command: commandOf('schema', scope),
    page: { path: '/schema', fields: { source, type: event_type, from: start_time, since: drift_from, as_of } },
  };
}

const WORDS: { readonly [K in Drift['kind']]: string } = {
  NEW: 'new',
  GONE: 'gone',
  RARER: 'rarer',
  TYPE: 'of a new type',
};
