import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { IncidentRow, MonitorRow, MonitorStore } from '../../ports/monitor-store.ts';
import type { HistoryFile } from './history-file.ts';
import { prepareRows } from './sqlite.ts';

interface MonitorColumns {
  readonly revision: number;
  readonly row: string;
}

/** Monitors and ended incidents in two tables, each row as JSON. */
export function createMonitorStore({ db, read, write }: HistoryFile): MonitorStore {
  const one = prepareRows<MonitorColumns>(db, 'SELECT revision, row FROM monitor WHERE name = ?');
  const all = prepareRows<MonitorColumns>(db, 'SELECT revision, row FROM monitor ORDER BY name');
  const insert = db.prepare('INSERT OR IGNORE INTO monitor (name, revision, row) VALUES (?, ?, ?)');
  const update = db.prepare('UPDATE monitor SET revision = ?, row = ? WHERE name = ? AND revision = ?');
  const keep = db.prepare('INSERT OR REPLACE INTO incident (incident_id, row) VALUES (?, ?)');
  const ended = prepareRows<{ incident_id: string; row: string }>(
    db,
    'SELECT incident_id, row FROM incident WHERE incident_id < ? ORDER BY incident_id DESC LIMIT ?',
  );
  return {
    get: (name) =>
      read(() => {
        const found = one.get(name);
        return found === undefined ? null : monitorOf(found.row);
      }),
    put: (row) =>
      write(() => {
        const { name, revision } = row;
        const text = JSON.stringify(row);
        const { changes } =
          revision === 1 ? insert.run(name, revision, text) : update.run(revision, text, name, revision - 1);
        return Number(changes) === 1;
      }),
    list: () => read(() => all.all().map(({ row }) => monitorOf(row))),
    keep: (incident) =>
      write(() => {
        keep.run(incident.incident_id, JSON.stringify(incident));
      }),
    listEnded: ({ limit, cursor }) =>
      read(() => {
        const [before] = decodeCursor(cursor, ['string']) ?? ['\uffff'];
        const items = ended.all(before, limit).map(({ row }) => incidentOf(row));
        const last = items.length < limit ? undefined : items.at(-1);
        return { items, next: last === undefined ? null : encodeCursor([last.incident_id]) };
      }),
  };
}

const monitorOf = (text: string): MonitorRow => JSON.parse(text);
const incidentOf = (text: string): IncidentRow => JSON.parse(text);
