import { durationText, formatEpochMs, LIMITS, type MonitorKind, type Severity } from '@pik/schema';
import type { IncidentRow, SentRow } from '../../ports/monitor-store.ts';

/** One message about an incident: that it fires, or that it is resolved. */
export interface Alert {
  /** The key of the incident, the same in both of its messages. */
  readonly key: string;
  /** The id of this message, the same in each attempt, by which a receiver recognizes a repeat. */
  readonly message_id: string;
  readonly state: 'FIRING' | 'RESOLVED';
  readonly monitor: string;
  readonly kind: MonitorKind;
  readonly severity: Severity;
  /** Its subject, such as source and event type. */
  readonly group: Readonly<Record<string, string>>;
  /** The fault, and once it is over how long it lasted, in one sentence. */
  readonly sentence: string;
  /** When it began by the evidence; null if that is unknown. Fixed-width UTC, as all times. */
  readonly since: string | null;
  readonly fired_at: string;
  /** Null while it fires. */
  readonly resolved_at: string | null;
  /** The page of the console with the evidence; null if the server does not know its address. */
  readonly link: string | null;
  /** The command with the evidence. */
  readonly command: string;
  /** Address of the instructions. */
  readonly runbook: string;
}

/** The next message to a sink; null if it has all. While a monitor is muted, no message says that it fires. */
export function nextMessage(incident: IncidentRow, sent: SentRow, isMuted: boolean): Alert['state'] | null {
  const { state, is_due } = incident;
  if (sent.notified === 'NONE') return is_due && !(isMuted && state === 'FIRING') ? 'FIRING' : null;
  return sent.notified === 'FIRING' && state === 'RESOLVED' ? 'RESOLVED' : null;
}

/** True once nobody is owed a message about an incident that has ended. */
export function isDone(incident: IncidentRow): boolean {
  return incident.state === 'RESOLVED' && incident.sent.every((sent) => nextMessage(incident, sent, false) === null);
}

/** The message about an incident. */
export function alertOf(incident: IncidentRow, state: Alert['state']): Alert {
  const { incident_id, monitor, kind, severity, group, since, fired_ms, resolved_ms, link, command, runbook } =
    incident;
  const firedMs = fired_ms ?? incident.seen_ms;
  const isOver = state === 'RESOLVED' && resolved_ms !== null;
  return {
    key: incident_id,
    message_id: `${incident_id}.${state.toLowerCase()}`,
    state,
    monitor,
    kind,
    severity,
    group,
    sentence: isOver ? `Over after ${durationText(resolved_ms - firedMs)}: ${incident.sentence}` : incident.sentence,
    since,
    fired_at: formatEpochMs(firedMs),
    resolved_at: isOver ? formatEpochMs(resolved_ms) : null,
    link,
    command,
    runbook,
  };
}

const FIRST_RETRY_MS = 30_000;

/** The incident with the start of an attempt: no other attempt starts before the time of the next retry. Null if another has started. */
export function claimed(incident: IncidentRow, sink: string, nowMs: number): IncidentRow | null {
  const known = incident.sent.find((sent) => sent.sink === sink);
  if (known === undefined || known.next_ms > nowMs) return null;
  return withSent(incident, sink, (sent) => {
    const tries = sent.tries + 1;
    const pauseMs = Math.min(LIMITS.alert_retry_ms_max, FIRST_RETRY_MS * 2 ** Math.min(tries - 1, 20));
    return { ...sent, tries, next_ms: nowMs + pauseMs };
  });
}

/** The incident without the pauses before its next attempts. */
export function released(incident: IncidentRow): IncidentRow {
  return { ...incident, sent: incident.sent.map((sent) => (sent.tries > 0 ? { ...sent, next_ms: 0 } : sent)) };
}

/** The result of an attempt. */
export interface Attempt {
  readonly sink: string;
  readonly state: Alert['state'];
  /** Why the sink does not have the message; null if it has. */
  readonly fault: string | null;
  /** True if no further attempt can succeed. */
  readonly isFinal: boolean;
  /** Milliseconds after which the sink wants to hear again while the incident fires; null: never. */
  readonly refreshMs: number | null;
  readonly nowMs: number;
}

/** The incident after an attempt. A message that keeps failing is given up, and its fault says so. */
export function settled(
  incident: IncidentRow,
  { sink, state, fault, isFinal, refreshMs, nowMs }: Attempt,
): IncidentRow {
  return withSent(incident, sink, (sent) => {
    if (fault === null)
      return { ...sent, notified: state, tries: 0, next_ms: refreshMs === null ? 0 : nowMs + refreshMs, fault };
    if (!isFinal && sent.tries < LIMITS.alert_tries_max) return { ...sent, fault };
    return { ...sent, notified: state, tries: 0, next_ms: 0, fault: `given up: ${fault}` };
  });
}

function withSent(incident: IncidentRow, sink: string, change: (sent: SentRow) => SentRow): IncidentRow {
  return { ...incident, sent: incident.sent.map((sent) => (sent.sink === sink ? change(sent) : sent)) };
}
