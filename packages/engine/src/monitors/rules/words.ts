import { durationText, type Monitor, type MonitorKind, type Severity } from '@pik/schema';
import { seriesName } from './finding.ts';

/** How much the alerts of a monitor matter. */
export function severityOf({ severity = 'warning' }: Monitor): Severity {
  return severity;
}

/** Says in one sentence, without its full stop, when a monitor fires. */
export function watchesText(monitor: Monitor): string {
  const whose = monitor.source === undefined && monitor.event_type === undefined ? 'any series' : seriesName(monitor);
  switch (monitor.kind) {
    case 'silence':
      return monitor.after_ms === undefined
        ? `${whose} is silent for longer than chance explains`
        : `${whose} brings nothing new for ${durationText(monitor.after_ms)}`;
    case 'gaps':
      return `${whose} has a gap`;
    case 'lag':
      return `events of ${whose} arrive late`;
    case 'completeness':
      return `a day of ${whose} is forecast to stay below the usual`;
    case 'duplicates':
      return `${whose} repeats far more than usual`;
    case 'failures':
      return `receipts of ${whose} fail`;
    case 'drift':
      return `payloads of ${whose} change`;
    case 'metric':
      return `${monitor.metric} of ${monitor.key} leaves its bounds`;
  }
}

/** The page with instructions for incidents of each kind. */
const RUNBOOK = 'https://github.com/pipeline-investigation-kit/pipeline-investigation-kit/blob/main/docs/monitors.md';

/** The address of the instructions for the incidents of a monitor. */
export function runbookOf({ runbook, kind }: { runbook?: string | undefined; kind: MonitorKind }): string {
  return runbook ?? `${RUNBOOK}#${kind}`;
}
