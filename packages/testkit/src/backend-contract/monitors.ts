import type { IncidentRow, MonitorRow } from '@pik/engine';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../budget.ts';
import { makeIncidentRow, makeMonitorRow } from '../factories.ts';
import { all, FOREIGN_CURSORS, ODD_TEXTS, type World } from './world.ts';

/** Tests of monitors and their incidents. */
export function monitorContract(world: () => World): void {
  const incidentOf = (rest: Partial<IncidentRow> = {}) => makeIncidentRow(world().newId(), rest);

  it('a monitor comes back with every field, after a new start as well', async () => {
    const rows = ODD_TEXTS.map((text, i) =>
      makeMonitorRow(`m.${i}`, {
        watches: text,
        fault: i % 2 === 0 ? null : text,
        checked_ms: i % 2 === 0 ? null : i,
        muted: i % 3 === 0 ? null : { until_ms: i, by: text, reason: null },
        incidents: [incidentOf({ subject: text, sentence: text, group: { source: text } })],
      }),
    );
    for (const row of rows) expect(await world().backend.monitors.put(row)).toBe(true);
    const { monitors } = await world().reopen();
    for (const row of rows) expect(await monitors.get(row.name)).toEqual(row);
    expect(await monitors.list()).toEqual(rows.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    expect(await monitors.get('m')).toBeNull();
  });

  it('a row is replaced by the next revision only, so that of two writers one is refused', async () => {
    const { monitors } = world().backend;
    const first = makeMonitorRow('m');
    expect(await monitors.put(first)).toBe(true);
    // A first revision or a later one does not replace what it does not know.
    expect(await monitors.put({ ...first, watches: 'another' })).toBe(false);
    expect(await monitors.put({ ...first, revision: 3 })).toBe(false);
    const second = { ...first, revision: 2, fault: 'a' };
    const both = await Promise.all([monitors.put(second), monitors.put({ ...second, fault: 'b' })]);
    expect(both.toSorted()).toEqual([false, true]);
    expect(await monitors.get('m')).toEqual({ ...second, fault: both[0] ? 'a' : 'b' });
    expect(await monitors.put(makeMonitorRow('other', { revision: 2 }))).toBe(false);
    expect(await monitors.get('other')).toBeNull();
  });

  it('of writers that race, each revision has one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 5 }), async (writers) => {
        const { monitors } = world().backend;
        const name = world().newId();
        const increment = async () => {
          for (;;) {
            const row: MonitorRow | null = await monitors.get(name);
            const next = { ...(row ?? makeMonitorRow(name)), revision: (row?.revision ?? 0) + 1 };
            if (await monitors.put({ ...next, left_out: next.revision })) return;
          }
        };
        await Promise.all(Array.from({ length: writers }, increment));
        expect(await monitors.get(name)).toMatchObject({ revision: writers, left_out: writers });
      }),
      runs(16),
    );
  });

  it('ended incidents are kept once each, and listed latest first in pages', async () => {
    const { monitors } = world().backend;
    expect(await monitors.listEnded({ limit: 10 })).toEqual({ items: [], next: null });
    const incidents = ODD_TEXTS.map((text) => incidentOf({ state: 'RESOLVED', sentence: text }));
    for (const incident of incidents) await monitors.keep(incident);
    const last = { ...incidents[0], resolved_ms: 7 } as IncidentRow;
    await monitors.keep(last);
    const expected = [...incidents.slice(1).reverse(), last];
    const { monitors: opened } = await world().reopen();
    for (const limit of [1, 5, incidents.length, 100])
      expect(await all((cursor) => opened.listEnded({ limit, cursor }))).toEqual(expected);
    for (const cursor of FOREIGN_CURSORS)
      await expect(opened.listEnded({ limit: 1, cursor })).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
  });
}
