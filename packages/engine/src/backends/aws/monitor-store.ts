import { randomUUID } from 'node:crypto';

import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { IncidentRow, MonitorRow, MonitorStore } from '../../ports/monitor-store.ts';
import type { Calls, Deadline } from './calls.ts';
import { type Key, keyItem, type Table } from './table.ts';
import { type Item, number, readText, text } from './values.ts';

/** All monitors are one partition: a deployment has at most a hundred. */
const MONITORS = 'MONITOR';
/** Ended incidents, in order of their making. */
const INCIDENTS = 'INCIDENT';

/** Monitors and ended incidents in the table of replays, each row as JSON. */
export function createMonitorStore({ table, calls }: { table: Table; calls: Calls }): MonitorStore {
  return {
    get: (name) =>
      calls.run(async (deadline) => {
        const item = await table.get(deadline, monitorKey(name));
        return item === null ? null : monitorOf(item);
      }),
    put: (row) => calls.run((deadline) => put(table, deadline, row)),
    list: () =>
      calls.run(async (deadline) => {
        const rows: MonitorRow[] = [];
        let beyond: string | null = null;
        do {
          const page = await table.query(deadline, { pk: MONITORS, beyond });
          for (const item of page.rows) rows.push(monitorOf(item));
          beyond = page.reached;
        } while (beyond !== null);
        return rows;
      }),
    keep: (incident) =>
      calls.run(async (deadline) => {
        const key = { pk: INCIDENTS, sk: incident.incident_id };
        await table.put(deadline, { ...keyItem(key), row: text(JSON.stringify(incident)) });
      }),
    listEnded: ({ limit, cursor }) =>
      calls.run(async (deadline) => {
        // Ids are UUIDv7, so their order is that of their making.
        const [beyond] = decodeCursor(cursor, ['string']) ?? [null];
        const page = await table.query(deadline, { pk: INCIDENTS, descending: true, beyond, limit });
        return {
          items: page.rows.map(incidentOf),
          next: page.reached === null ? null : encodeCursor([page.reached]),
        };
      }),
  };
}

/** Names of monitors are ASCII and have no separators. */
function monitorKey(name: string): Key {
  return { pk: MONITORS, sk: name };
}

async function put(table: Table, deadline: Deadline, row: MonitorRow): Promise<boolean> {
  // Two writers may want the same row, and one of them must be refused.
  const write = randomUUID();
  const key = keyItem(monitorKey(row.name));
  const item = { ...key, revision: number(row.revision), row: text(JSON.stringify(row)), write: text(write) };
  const condition =
    row.revision === 1
      ? { expression: 'attribute_not_exists(pk)' }
      : { expression: 'revision = :before', values: { ':before': number(row.revision - 1) } };
  const written = await table.put(deadline, item, condition);
  // Our own row, if the answer to an earlier attempt was lost.
  return written.done || written.row.write?.S === write;
}

const monitorOf = (item: Item): MonitorRow => JSON.parse(readText(item, 'row'));
const incidentOf = (item: Item): IncidentRow => JSON.parse(readText(item, 'row'));
