import { KitError, LIMITS } from '@pik/schema';
import type { IncidentRow, MonitorRow, MonitorStore } from '../ports/monitor-store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { type Alert, type Attempt, alertOf, claimed, isDone, nextMessage, released, settled } from './rules/alert.ts';
import type { Sink } from './sinks/sink.ts';

/** The dependencies of a sender of alerts. */
export interface Delivering {
  readonly store: MonitorStore;
  readonly sinks: ReadonlyMap<string, Sink>;
  readonly telemetry: Telemetry;
  readonly now: () => number;
  /** Milliseconds that a sink has for one alert. Default: `LIMITS.alert_send_ms_max`. */
  readonly sendMs?: number | undefined;
  /**
   * True in the first round of the only watching process: attempts of a previous process, which may have died, are repeated at once.
   * Default: false.
   */
  readonly takesOver?: boolean | undefined;
  /** True once no further check or message should begin. Default: never. */
  readonly isStopping?: (() => boolean) | undefined;
}

interface Message {
  readonly monitor: string;
  readonly incident_id: string;
  readonly state: Alert['state'];
}

/**
 * Sends every message that is due: sinks at the same time, the messages of one sink one after another until one fails. An attempt is
 * recorded before it is made, so that no other process makes it too; a message whose result was lost is sent again later. Incidents that
 * have ended and owe no message move to the ended ones.
 */
export async function deliver(at: Delivering): Promise<void> {
  if (at.takesOver === true) await releaseClaims(at.store);
  const nowMs = at.now();
  const bySink = new Map<string, Message[]>();
  for (const row of await at.store.list()) {
    for (const { sink, ...message } of dueMessages(row, at, nowMs)) {
      const known = bySink.get(sink);
      if (known === undefined) bySink.set(sink, [message]);
      else known.push(message);
    }
  }
  await Promise.all([...bySink].map(([name, messages]) => sendAll(at, name, messages)));
  for (const row of await at.store.list()) await keepEnded(at.store, row);
}

async function releaseClaims(store: MonitorStore): Promise<void> {
  for (const { name, incidents } of await store.list()) {
    if (!incidents.some(({ sent }) => sent.some(({ tries }) => tries > 0))) continue;
    await changeRow(store, name, (row) => ({ ...row, incidents: row.incidents.map(released) }));
  }
}

function dueMessages(row: MonitorRow, { sinks }: Delivering, nowMs: number): (Message & { sink: string })[] {
  const isMuted = row.muted !== null && row.muted.until_ms > nowMs;
  return row.incidents.flatMap((incident) =>
    incident.sent.flatMap((sent) => {
      const { sink, notified, next_ms } = sent;
      const refreshMs = sinks.get(sink)?.refreshMs ?? null;
      const isRepeat = notified === 'FIRING' && incident.state === 'FIRING' && refreshMs !== null && !isMuted;
      const state = nextMessage(incident, sent, isMuted) ?? (isRepeat ? 'FIRING' : null);
      if (state === null || next_ms > nowMs) return [];
      return [{ sink, monitor: row.name, incident_id: incident.incident_id, state }];
    }),
  );
}

async function sendAll(at: Delivering, name: string, messages: readonly Message[]): Promise<void> {
  for (const message of messages) if (at.isStopping?.() === true || !(await sendOne(at, name, message))) return;
}

/** Makes one attempt; false if it failed. */
async function sendOne(at: Delivering, name: string, { monitor, incident_id, state }: Message): Promise<boolean> {
  const { store, now } = at;
  const incident = await changeIncident(store, { monitor, incident_id }, (one) => claimed(one, name, now()));
  if (incident === null) return true;
  const sink = at.sinks.get(name);
  const fault = sink === undefined ? UNDECLARED : await tryToSend(at, sink, alertOf(incident, state));
  const refreshMs = sink?.refreshMs ?? null;
  const attempt: Attempt = { sink: name, state, fault, isFinal: sink === undefined, refreshMs, nowMs: now() };
  await changeIncident(store, { monitor, incident_id }, (one) => settled(one, attempt));
  const fields = { sink: name, monitor, incident_id, state };
  if (fault === null) at.telemetry.log('info', 'alert_sent', fields);
  else at.telemetry.log('warn', 'alert_not_sent', { ...fields, error: fault });
  at.telemetry.count(fault === null ? 'AlertSentCount' : 'AlertErrorCount', 1);
  return fault === null;
}

const UNDECLARED = 'the config does not declare this sink any more';

/** Sends an alert within the time of a sink, even if the sink ignores the signal; null if it was accepted. */
async function tryToSend(
  { sendMs = LIMITS.alert_send_ms_max }: Delivering,
  sink: Sink,
  alert: Alert,
): Promise<string | null> {
  const end = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new KitError('TIMEOUT', `no answer within ${sendMs} ms`));
    end.abort();
  }, sendMs);
  try {
    await Promise.race([sink.send(alert, end.signal), late.promise]);
    return null;
  } catch (error) {
    return String(error instanceof Error ? error.message : error).slice(0, LIMITS.alert_chars_max);
  } finally {
    clearTimeout(timer);
  }
}

/** Changes an open incident in the current row; null if the incident is no longer there, or `change` returns null. */
async function changeIncident(
  store: MonitorStore,
  { monitor, incident_id }: { monitor: string; incident_id: string },
  change: (incident: IncidentRow) => IncidentRow | null,
): Promise<IncidentRow | null> {
  const isIt = (one: IncidentRow) => one.incident_id === incident_id;
  const row = await changeRow(store, monitor, (known) => {
    const found = known.incidents.find(isIt);
    const next = found === undefined ? null : change(found);
    if (next === null) return null;
    return { ...known, incidents: known.incidents.map((one) => (one === found ? next : one)) };
  });
  return row?.incidents.find(isIt) ?? null;
}

/**
 * Replaces the row of a monitor, and tries again if others write it meanwhile. Null if there is no row, or `change` returns null.
 */
export async function changeRow(
  store: MonitorStore,
  name: string,
  change: (row: MonitorRow) => MonitorRow | null,
): Promise<MonitorRow | null> {
  for (;;) {
    const row = await store.get(name);
    const changed = row === null ? null : change(row);
    if (row === null || changed === null) return null;
    const next = { ...changed, revision: row.revision + 1 };
    if (await store.put(next)) return next;
  }
}

/** Moves ended incidents: stores them among the ended ones first, then removes them from the row, so that a crash loses none. */
async function keepEnded(store: MonitorStore, { name, incidents }: MonitorRow): Promise<void> {
  const done = incidents.filter(isDone);
  if (done.length === 0) return;
  for (const incident of done) await store.keep(incident);
  const ids = new Set(done.map(({ incident_id }) => incident_id));
  await changeRow(store, name, (row) => ({
    ...row,
    incidents: row.incidents.filter(({ incident_id }) => !ids.has(incident_id)),
  }));
}
