import { LIMITS, MONITOR_DEFAULTS, type Monitor } from '@pik/schema';
import type { IncidentRow, MonitorRow } from '../../ports/monitor-store.ts';
import { cutSentence, type Finding, type Judgement, linkOf } from './finding.ts';
import { severityOf, watchesText } from './words.ts';

/** One check of a monitor, and what it needs to make incidents. */
export interface Check {
  readonly monitor: Monitor;
  readonly nowMs: number;
  /** Null if it could not be judged; `fault` says why. */
  readonly judgement: Judgement | null;
  readonly fault: string | null;
  /** The sinks to tell, by name. */
  readonly sinks: readonly string[];
  /** The address of the server, such as `https://kit.example`; null if it is unknown. */
  readonly consoleUrl: string | null;
  /** The address of the runbook for incidents of this monitor. */
  readonly runbook: string;
  readonly newId: () => string;
}

/**
 * The row after a check: its incidents begin, fire after the hold-off, and resolve once their condition has been gone for long
 * enough. A monitor that could not be judged keeps its incidents as they are.
 */
export function stepMonitor(row: MonitorRow | null, check: Check): MonitorRow {
  const { monitor, nowMs, judgement, fault } = check;
  const { name, kind } = monitor;
  const old = row?.incidents ?? [];
  const { incidents, left_out } =
    judgement === null ? { incidents: old, left_out: row?.left_out ?? 0 } : stepIncidents(old, { ...check, judgement });
  const muted = row?.muted == null || row.muted.until_ms <= nowMs ? null : row.muted;
  return {
    name,
    revision: (row?.revision ?? 0) + 1,
    kind,
    severity: severityOf(monitor),
    watches: watchesText(monitor),
    checked_ms: judgement === null ? (row?.checked_ms ?? null) : nowMs,
    fault,
    is_retired: false,
    muted,
    // Those that fired while the monitor was muted are due when that ends.
    incidents: muted === null ? incidents.map(due) : incidents,
    left_out,
  };
}

type Judged = Check & { readonly judgement: Judgement };

function stepIncidents(
  old: readonly IncidentRow[],
  check: Judged,
): { incidents: readonly IncidentRow[]; left_out: number } {
  const { findings } = check.judgement;
  const bySubject = new Map(findings.map((finding) => [finding.subject, finding]));
  const going = old.flatMap((incident) => {
    const next = stepIncident(incident, bySubject.get(incident.subject), check);
    return next === null ? [] : [next];
  });
  const open = new Set(going.filter(({ state }) => state !== 'RESOLVED').map(({ subject }) => subject));
  const fresh = [...bySubject.values()].filter(({ subject }) => !open.has(subject));
  const room = Math.max(0, LIMITS.monitor_incidents_max - going.length);
  const begun = fresh.slice(0, room).map((finding) => fired(newIncident(finding, check), check));
  return { incidents: [...going, ...begun], left_out: fresh.length - begun.length };
}

/** The next state of an incident; null if it was pending and its condition is gone. */
function stepIncident(incident: IncidentRow, finding: Finding | undefined, check: Judged): IncidentRow | null {
  const { nowMs, monitor, judgement } = check;
  if (incident.state === 'RESOLVED') return incident;
  if (finding !== undefined)
    return fired({ ...incident, ...evidenceOf(finding, check, incident), clear_ms: null }, check);
  if (!judgement.isOver(incident.subject, incident.since)) return incident;
  if (incident.state === 'PENDING') return null;
  const clear_ms = incident.clear_ms ?? nowMs;
  const { resolve_after_ms = MONITOR_DEFAULTS.resolve_after_ms } = monitor;
  if (nowMs - clear_ms < resolve_after_ms) return { ...incident, clear_ms };
  return resolved({ ...incident, clear_ms }, nowMs);
}

/** The incident as it ends. */
function resolved(incident: IncidentRow, nowMs: number): IncidentRow {
  return { ...incident, state: 'RESOLVED', resolved_ms: nowMs, sent: incident.sent.map(soon) };
}

const soon = (sent: IncidentRow['sent'][number]) => ({ ...sent, tries: 0, next_ms: 0 });

/** The same incident, firing if its condition has held for long enough. */
function fired(incident: IncidentRow, { nowMs, monitor, sinks }: Check): IncidentRow {
  const { hold_off_ms = 0 } = monitor;
  if (incident.state !== 'PENDING' || nowMs - incident.seen_ms < hold_off_ms) return incident;
  const sent = sinks.map((sink) => ({ sink, notified: 'NONE' as const, tries: 0, next_ms: 0, fault: null }));
  return { ...incident, state: 'FIRING', fired_ms: nowMs, sent };
}

function due(incident: IncidentRow): IncidentRow {
  return incident.state === 'FIRING' && !incident.is_due ? { ...incident, is_due: true } : incident;
}

function newIncident(finding: Finding, check: Check): IncidentRow {
  const { monitor, nowMs, newId } = check;
  return {
    incident_id: newId(),
    monitor: monitor.name,
    kind: monitor.kind,
    severity: severityOf(monitor),
    state: 'PENDING',
    subject: finding.subject,
    ...evidenceOf(finding, check, null),
    seen_ms: nowMs,
    clear_ms: null,
    fired_ms: null,
    resolved_ms: null,
    is_due: false,
    sent: [],
  };
}

/** The evidence of a finding; the text that people have stays as it was. */
function evidenceOf(finding: Finding, { consoleUrl, runbook }: Check, before: IncidentRow | null) {
  if (before?.state === 'FIRING') {
    const { group, sentence, since, command, link } = before;
    return { group, sentence, since, command, link, runbook };
  }
  const { group, since, command, page } = finding;
  return {
    group,
    sentence: cutSentence(finding.sentence),
    since,
    command,
    link: linkOf(consoleUrl, page),
    runbook,
  };
}

/** The row of a monitor that the config no longer declares: its incidents end. */
export function retire(row: MonitorRow, nowMs: number): MonitorRow {
  const incidents = row.incidents.flatMap((incident) => {
    if (incident.state === 'PENDING') return [];
    return [incident.state === 'FIRING' ? resolved(incident, nowMs) : incident];
  });
  return { ...row, revision: row.revision + 1, is_retired: true, fault: null, left_out: 0, muted: null, incidents };
}
