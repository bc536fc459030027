import { formatEpochMs, type Incident, type MonitorView } from '@pik/schema';
import type { IncidentRow, MonitorRow } from '../../ports/monitor-store.ts';

/** An incident as answers show it. */
export function incidentView(row: IncidentRow): Incident {
  const { incident_id, monitor, kind, severity, state, group, sentence, since, command, link, runbook } = row;
  return {
    incident_id,
    monitor,
    kind,
    severity,
    state,
    group,
    sentence,
    since,
    seen_at: formatEpochMs(row.seen_ms),
    fired_at: timeOrNull(row.fired_ms),
    resolved_at: timeOrNull(row.resolved_ms),
    command,
    link,
    runbook,
    sent: row.sent.map(({ sink, notified, tries, fault }) => ({ sink, notified, tries, fault })),
  };
}

/** A monitor as answers show it. */
export function monitorView(row: MonitorRow, nowMs: number): MonitorView {
  const { name, kind, severity, watches, fault, muted, incidents, left_out } = row;
  const isMuted = muted !== null && muted.until_ms > nowMs;
  return {
    name,
    kind,
    severity,
    watches,
    state: stateOf(row),
    checked_at: timeOrNull(row.checked_ms),
    fault,
    muted: isMuted ? { until: formatEpochMs(muted.until_ms), by: muted.by, reason: muted.reason } : null,
    incidents: incidents.map(incidentView),
    left_out,
  };
}

function stateOf({ is_retired, incidents, fault, checked_ms }: MonitorRow): MonitorView['state'] {
  if (is_retired) return 'RETIRED';
  if (incidents.some(({ state }) => state === 'FIRING')) return 'FIRING';
  return fault !== null || checked_ms === null ? 'UNKNOWN' : 'OK';
}

function timeOrNull(ms: number | null): string | null {
  return ms === null ? null : formatEpochMs(ms);
}
