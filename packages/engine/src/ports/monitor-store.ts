import type { Incident, MonitorView, Notified } from '@pik/schema';

import type { Page } from './queries.ts';

/** The last message about an incident that a sink has, and the time of the next attempt. */
export interface SentRow {
  readonly sink: string;
  readonly notified: Notified;
  /** Attempts at the next message. */
  readonly tries: number;
  /** The next attempt is made from then on. */
  readonly next_ms: number;
  readonly fault: string | null;
}

/** One condition of a monitor. */
export interface IncidentRow extends Pick<Incident, 'incident_id' | 'monitor' | 'kind' | 'severity' | 'state'> {
  /** One text for each condition of the monitor. */
  readonly subject: string;
  readonly group: Readonly<Record<string, string>>;
  readonly sentence: string;
  readonly since: string | null;
  readonly seen_ms: number;
  /** When a check first found the condition gone; null while it holds. */
  readonly clear_ms: number | null;
  readonly fired_ms: number | null;
  readonly resolved_ms: number | null;
  /** True once the sinks are to hear that it fires: it fired while the monitor was not muted. */
  readonly is_due: boolean;
  readonly command: string;
  readonly link: string | null;
  readonly runbook: string;
  readonly sent: readonly SentRow[];
}

/** While it lasts no sink hears that an incident fires. */
export interface MuteRow {
  readonly until_ms: number;
  readonly by: string | null;
  readonly reason: string | null;
}

/** A monitor with its open incidents: one row, so that a state and the messages that it calls for are written together. */
export interface MonitorRow extends Pick<MonitorView, 'name' | 'kind' | 'severity' | 'watches' | 'fault' | 'left_out'> {
  /** 1, 2, 3 …: the number of writes so far. */
  readonly revision: number;
  /** When it was last judged; null before. */
  readonly checked_ms: number | null;
  /** True if the config no longer declares it. */
  readonly is_retired: boolean;
  readonly muted: MuteRow | null;
  readonly incidents: readonly IncidentRow[];
}

/** The monitors and their incidents. Writes are durable when they resolve; reads see every write that has. */
export interface MonitorStore {
  get(name: string): Promise<MonitorRow | null>;
  /** Replaces the row if the stored one has the revision before; the first is 1. False if it has another: nothing was written. */
  put(row: MonitorRow): Promise<boolean>;
  /** All monitors, by name. */
  list(): Promise<readonly MonitorRow[]>;
  /** Keeps an ended incident; a repeat replaces it. */
  keep(incident: IncidentRow): Promise<void>;
  /** Ended incidents, latest first, by the time in their ids. */
  listEnded(query: { readonly limit: number; readonly cursor?: string | null }): Promise<Page<IncidentRow>>;
}
