import {
  formatEpochMs,
  type IncidentPage,
  KitError,
  type MonitorsAnswer,
  type MonitorView,
  type MuteBody,
} from '@pik/schema';
import { boundedPage, type PageQuery } from '../runtime/bounded-page.ts';
import type { Context } from '../runtime/context.ts';
import { changeRow } from './deliver.ts';
import { incidentView, monitorView } from './rules/views.ts';

const MS_PER_MINUTE = 60_000;
const MUTE_MINUTES = 60;

/** Returns all monitors with their open incidents. */
export async function listMonitors({ backend }: Context): Promise<MonitorsAnswer> {
  const nowMs = backend.clock.now();
  const rows = await backend.monitors.list();
  return { as_of: formatEpochMs(nowMs), monitors: rows.map((row) => monitorView(row, nowMs)) };
}

/** Returns a page of ended incidents, latest first. */
export async function listIncidents({ backend, budget }: Context, page: PageQuery): Promise<IncidentPage> {
  const { items, next, cut } = await boundedPage(budget, page, (part) => backend.monitors.listEnded(part));
  return { incidents: items.map(incidentView), next_cursor: next, ...cut };
}

/** Mutes a monitor from now on. Throws `MONITOR_UNKNOWN`. */
export async function muteMonitor(
  { backend }: Context,
  name: string,
  { minutes = MUTE_MINUTES, reason, by }: MuteBody & { by: string | null },
): Promise<MonitorView> {
  const nowMs = backend.clock.now();
  const muted = { until_ms: nowMs + minutes * MS_PER_MINUTE, by, reason: reason ?? null };
  const row = await changeRow(backend.monitors, name, (known) => ({ ...known, muted }));
  if (row === null) throw new KitError('MONITOR_UNKNOWN');
  return monitorView(row, nowMs);
}

/** Ends the muting of a monitor; the next round sends what still fires. Throws `MONITOR_UNKNOWN`. */
export async function unmuteMonitor({ backend }: Context, name: string): Promise<MonitorView> {
  const row = await changeRow(backend.monitors, name, (known) => ({
    ...known,
    muted: null,
    incidents: known.incidents.map((incident) =>
      incident.state === 'FIRING' ? { ...incident, is_due: true } : incident,
    ),
  }));
  if (row === null) throw new KitError('MONITOR_UNKNOWN');
  return monitorView(row, backend.clock.now());
}
