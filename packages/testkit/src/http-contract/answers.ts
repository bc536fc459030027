import { healthSchema, LIMITS, METRICS, ROUTES } from '@pik/schema';
import { beforeAll, expect, it } from 'vitest';

import { type Asking, event, faultsOf, type Json, parse, text } from './ask.ts';

/** Tests of the answers for an investigator. */
export function answers(ask: Asking): void {
  const ENTITY = 'contract_timeline';
  beforeAll(async () => {
    const at = (i: number) => `2025-12-28T10:00:0${i}Z`;
    await ask('/ingest', {
      body: text(
        Array.from({ length: 7 }, (_, i) =>
          event({ entity_id: ENTITY, event_time: at(i), ...(i % 2 ? { idempotency_key: `k${i}` } : {}) }),
        ),
      ),
    });
  });

  it('pages through a timeline by cursor, half-open in time', async () => {
    const path = `/timeline?entity_id=${ENTITY}&start_time=2025-12-28T10:00:01Z&end_time=2025-12-28T10:00:06Z&limit=2`;
    const times: string[] = [];
    let cursor = '';
    do {
      const { json } = await ask(path + (cursor && `&cursor=${cursor}`));
      times.push(...json.events.map((item: Json) => item.event_time.slice(17, 19)));
      cursor = json.next_cursor ?? '';
    } while (cursor !== '');
    expect(times).toEqual(['01', '02', '03', '04', '05']);
    expect((await ask(`${path}&cursor=x`)).json.code).toBe('CURSOR_INVALID');
  });

  it('streams raw events with their received text, and marks the end', async () => {
    const { text: stream } = await ask(`/timeline?entity_id=${ENTITY}&include=body`);
    const lines = stream.trimEnd().split('\n').map(parse);
    expect(lines.slice(0, -1).map((line) => parse(line.body).event_time)).toEqual(
      lines.slice(0, -1).map((line) => `${line.event_time.slice(0, 19)}Z`),
    );
    expect(lines.at(-1)).toMatchObject({ end: true, count: 7, next_cursor: null });
  });

  it('A14: answers as of a receive time', async () => {
    expect((await ask(`/timeline?entity_id=${ENTITY}&as_of=2000-01-01T00:00:00Z`)).json.events).toEqual([]);
    expect((await ask('/reports/lag?as_of=2000-01-01T00:00:00Z')).json.total).toBeNull();
  });

  it('D46: explains an event by id, by key, by entity and time, and why it is missing', async () => {
    const byKey = (await ask(`/events?source=contract&event_type=thing.happened&entity_id=${ENTITY}&key=k3`)).json;
    expect(byKey).toMatchObject({
      found: true,
      event: { identity: 'key', idempotency_key: 'k3' },
      bytes: { state: 'OK' },
    });
    expect((await ask(`/events/${byKey.event.event_id}`)).json.event).toEqual(byKey.event);
    const byTime = (await ask(`/events?entity_id=${ENTITY}&event_time=2025-12-28T10:00:04Z`)).json;
    expect(byTime.event.event_time).toBe('2025-12-28T10:00:04.000000000Z');
    const none = (await ask(`/events?source=contract&event_type=thing.happened&entity_id=${ENTITY}&key=none`)).json;
    expect(none.found).toBe(false);
    expect(none.findings.at(-1)).toMatchObject({ code: 'NO_RECEIPT', text: expect.stringContaining('7 other events') });
  });

  it('reports lag and duplicates, and lists rejects', async () => {
    const lag = (await ask('/reports/lag?source=contract&by=event_type')).json;
    expect(lag.groups.map(({ group }: Json) => group)).toContainEqual({ event_type: 'thing.happened' });
    const duplicates = (await ask('/reports/duplicates?source=contract')).json;
    expect(duplicates.total.receipts).toBe(
      duplicates.total.events + duplicates.total.duplicates + duplicates.total.conflicts,
    );
    expect((await ask('/rejects?source=contract&limit=2')).json.rejects.length).toBeGreaterThan(0);
  });

  it.each([
    '/timeline',
    `/timeline?entity_id=${ENTITY}&limit=0`,
    `/timeline?entity_id=${ENTITY}&limit=-5`,
    `/timeline?entity_id=${ENTITY}&limit=abc`,
    `/timeline?entity_id=${ENTITY}&limit=${LIMITS.page_items_max + 1}`,
    `/timeline?entity_id=${ENTITY}&start_time=2025-12-32`,
    `/timeline?entity_id=${ENTITY}&start_time=2025-12-28T00:00:00`,
    `/timeline?entity_id=${ENTITY}&start_time=2025-12-29T00:00:00Z&end_time=2025-12-28T00:00:00Z`,
    `/timeline?entity_id=${ENTITY}&unknown=1`,
    '/reports/lag?by=colour',
    '/reports/lag?include_imported=1',
    '/events?entity_id=x',
    '/events/nonsense',
    '/receipts/x/0',
  ])('D38: refuses %s with the field that is at fault', async (path) => {
    const { status, json, headers } = await ask(path);
    expect([status, json.code]).toEqual([422, 'REQUEST_INVALID']);
    expect(json.path).toMatch(/^\//);
    expect(headers.get('content-type')).toContain('application/problem+json');
  });

  it('H5: distinguishes an unknown route from an unknown method', async () => {
    expect((await ask('/nothing')).json.code).toBe('NOT_FOUND');
    const { status, headers, json } = await ask('/ingest');
    expect([status, json.code, headers.get('allow')]).toEqual([
      405,
      'METHOD_NOT_ALLOWED',
      expect.stringContaining('POST'),
    ]);
    expect((await ask('/receipts/01890a5d-ac96-774b-bcce-b302099a8057/0')).json.code).toBe('RECEIPT_UNKNOWN');
  });

  it('describes itself', async () => {
    const { json } = await ask('/openapi.json', { key: null });
    const paths = Object.values(ROUTES).map(({ path }) => path.replace(/:(\w+)/g, '{$1}'));
    expect(Object.keys(json.paths).sort()).toEqual(expect.arrayContaining(paths.filter((path) => path !== '/').sort()));
    expect((await ask('/', { key: null })).text).toContain('/reports/lag');
    const health = await ask('/healthz', { key: null });
    expect(health.status).toBe(200);
    expect(healthSchema.parse(health.json)).toEqual(health.json);
  });

  it('names its metrics as the schema does, if this process has metrics', async () => {
    const { status, text: metrics } = await ask('/metrics');
    if (status === 404) return;
    const families = [...metrics.matchAll(/^# TYPE (\S+) /gm)].map(([, family]) => family);
    expect(new Set(families)).toEqual(new Set(Object.keys(METRICS)));
    expect(Number(/^IngestCount (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
  });
}

/** Verifies the kit after all other tests. */
export function agreement(ask: Asking): void {
  it('G18: log, index, versions and replays agree after all of this', async () => {
    expect(await faultsOf(ask)).toEqual([]);
    expect((await ask('/verify?cursor=x')).json.code).toBe('CURSOR_INVALID');
  });
}
