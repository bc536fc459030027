import { defineAggregate, entitiesWhere } from '@pik/aggregates';
import { type DuplicatesReport, SCOPES } from '@pik/schema';
import { changesKeyedByPoll, hasRealEvents, readLines } from '@pik/testkit/fixtures/engine/real-events';
import { captureLines, keyOf } from '@pik/testkit/fixtures/functions/functions';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openStack, type Stack } from './support/stack.ts';

// Real events through the functions, over an emulator, with the answers that are known of them.

const earthquakes = defineAggregate({
  metric: 'earthquakes',
  definition_version: 1,
  group_by: 'all',
  unit: 'entity_id',
  window: 'day',
  time_zone: 'UTC',
  reads_payload: false,
  ...entitiesWhere(({ event_type }) => event_type !== 'quake.withdrawn'),
});
const EVERY_DAY = { start_time: '2000-01-01T00:00:00Z', end_time: '2030-01-01T00:00:00Z', metrics: ['earthquakes'] };

let captured: ReturnType<typeof captureLines>;
beforeAll(() => {
  captured = captureLines();
});
afterAll(() => captured.stop());

const opened: Stack[] = [];
afterEach(async () => {
  for (const { close } of opened.splice(0)) await close();
});

async function open(): Promise<Stack> {
  const stack = await openStack({ aggregates: [earthquakes] });
  opened.push(stack);
  return stack;
}

async function ask<T>({ gateway }: Stack, path: string, body?: { type: string; text: string }): Promise<T> {
  const authorization = `Bearer ${keyOf([...SCOPES])}`;
  const init: RequestInit =
    body === undefined
      ? { headers: { authorization } }
      : { method: 'POST', headers: { authorization, 'content-type': body.type }, body: body.text };
  const response = await gateway.fetch(new Request(`https://api.test${path}`, init));
  expect([path, response.status]).toEqual([path, 200]);
  return (await response.json()) as T;
}

/**
 * The totals of the duplicates report. Over a slow emulator a page may cover a part of the range only; the parts add up. One
 * page of 1,000 repeated events has all of a part, so that each part is one request.
 */
async function duplicateTotals(stack: Stack): Promise<Record<string, number>> {
  const sums: Record<string, number> = { receipts: 0, events: 0, duplicates: 0, conflicts: 0 };
  let cursor: string | null | undefined;
  do {
    const query: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
    const page = await ask<DuplicatesReport>(stack, `/reports/duplicates?include_imported=true&worst=1000${query}`);
    for (const name of Object.keys(sums))
      sums[name] = (sums[name] ?? 0) + Number(page.total?.[name as 'receipts'] ?? 0);
    cursor = page.next_cursor;
  } while (cursor);
  return sums;
}

async function importAll(stack: Stack, lines: readonly string[]): Promise<Record<string, number>> {
  const total: Record<string, number> = {};
  for (let i = 0; i < lines.length; i += 250) {
    const text = lines.slice(i, i + 250).join('\n');
    const { counts } = await ask<{ counts: Record<string, number> }>(stack, '/import', {
      type: 'application/x-ndjson',
      text,
    });
    for (const [status, count] of Object.entries(counts)) total[status] = (total[status] ?? 0) + count;
  }
  return total;
}

const replay = (stack: Stack, selection: object) =>
  ask<{ complete: boolean; sent: number }>(stack, '/replay', {
    type: 'application/json',
    text: JSON.stringify(selection),
  });

async function versions(stack: Stack, windowStart?: string) {
  const query = new URLSearchParams({
    metric: 'earthquakes',
    key: 'all',
    ...(windowStart && { window_start: windowStart }),
  });
  const page = await ask<{ versions: Record<string, unknown>[] }>(stack, `/aggregates/versions?${query}`);
  return page.versions.map(({ window_start, version, value, input_count, inputs_hash, definition_hash }) => {
    return { window_start, version, value, input_count, inputs_hash, definition_hash };
  });
}

describe.skipIf(!hasRealEvents)('real events through the functions', () => {
  it('usgs/rawpoll: 758 events and 4,944 repeats, in the report too', async () => {
    const stack = await open();
    const counts = await importAll(stack, readLines('usgs/rawpoll_2022-02-01_2022-02-06.ndjson.gz'));
    expect(counts).toEqual({ ACCEPTED: 758, DUPLICATE: 4_944 });
    expect(await duplicateTotals(stack)).toEqual({ receipts: 5_702, events: 758, duplicates: 4_944, conflicts: 0 });
  });

  it('usgs/changes: 2022-09-02 as it was known then, and as it is known in the end', async () => {
    const stack = await open();
    const day = '2022-09-02';
    const lines = changesKeyedByPoll().filter((line) =>
      (JSON.parse(line) as { event_time: string }).event_time.startsWith(day),
    );
    const [head = [], ...rows] = readLines('usgs/daily_metric_versions.csv').map((row) => row.split(','));
    const row = rows.find(([first]) => first === day) ?? [];
    const known = Object.fromEntries(head.map((name, i) => [name, row[i]]));
    expect(await importAll(stack, lines)).toEqual({ ACCEPTED: lines.length });
    const range = { start_time: `${day}T00:00:00Z`, end_time: '2022-09-03T00:00:00Z', metrics: ['earthquakes'] };
    await replay(stack, { ...range, as_of: known.v1_received_at });
    await stack.drain();
    await replay(stack, range);
    await stack.drain();
    const values = (await versions(stack, day)).map(({ version, value }) => [version, value]);
    expect(values).toEqual([
      [1, Number(known.v1_count)],
      [2, Number(known.v2_count)],
    ]);
    expect([known.v1_count, known.v2_count]).toEqual(['20', '46']);
  });

  it('D06, D08: 1,000 events replayed while the processor is off become the versions of a stack where it never was', async () => {
    const lines = changesKeyedByPoll().slice(0, 1_000);
    const [always, off] = [await open(), await open()];
    for (const stack of [always, off]) expect(await importAll(stack, lines)).toEqual({ ACCEPTED: 1_000 });
    const sent = { always: 0, off: 0 };
    // In parts, as a client walks; one of the two processes each part at once.
    for (const [name, stack] of Object.entries({ always, off }) as ['always' | 'off', Stack][]) {
      let cursor: string | null = null;
      let replayId: string | undefined;
      do {
        const part: { replay_id: string; sent: number; next_cursor: string | null } = (await replay(stack, {
          ...(replayId === undefined ? EVERY_DAY : { replay_id: replayId }),
          ...(cursor === null ? { limit: 300 } : { cursor }),
        })) as never;
        sent[name] += part.sent;
        replayId = part.replay_id;
        cursor = part.next_cursor;
        if (name === 'always') await stack.drain();
      } while (cursor !== null);
    }
    expect(sent).toEqual({ always: 1_000, off: 1_000 });
    expect(await versions(off)).toEqual([]);
    // Turned on.
    expect(await off.drain()).toBeGreaterThan(0);
    const there = await versions(always);
    expect(there.length).toBeGreaterThan(1);
    expect(await versions(off)).toEqual(there);
    expect(await off.drain()).toBe(0);
  });
});
