import { gzipSync } from 'node:zlib';

import { LIMITS } from '@pik/schema';
import { expect, it } from 'vitest';

import { type Ask, type Asking, event, type Json, text } from './ask.ts';
import { DAY, fresh } from './replay-asks.ts';

const ENTITY = { ...DAY, entity_id: 'contract_refused' };
const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const EVENT_ID = '0'.repeat(47);
const long = (chars: number) => 'x'.repeat(chars);

/** Invalid bodies of `POST /replay`, each with the invalid field. */
const REPLAYS: readonly [body: Json, path: string][] = [
  ...[0, -5, 'abc', '5', 1.5, null, LIMITS.replay_events_per_call_max + 1].map((limit): [Json, string] => [
    { ...ENTITY, limit },
    '/limit',
  ]),
  ...[
    '2025-12-28',
    '2025-12-28T00:00:00',
    '20251228',
    'yesterday',
    '',
    1_766_880_000,
    null,
    '2025-12-32T00:00:00Z',
  ].flatMap((time) =>
    ['start_time', 'end_time', 'as_of', 'received_from', 'received_to'].map((field): [Json, string] => [
      { ...ENTITY, [field]: time },
      `/${field}`,
    ]),
  ),
  [{ ...ENTITY, start_time: DAY.end_time, end_time: DAY.start_time }, '/start_time'],
  [{ ...ENTITY, end_time: DAY.start_time }, '/start_time'],
  [{ ...ENTITY, received_from: DAY.end_time, received_to: DAY.end_time }, '/received_from'],
  [{ entity_id: 'x' }, '/start_time'],
  [{ entity_id: 'x', start_time: DAY.start_time }, '/end_time'],
  [{ entity_id: 'x', end_time: DAY.end_time }, '/start_time'],
  [{}, '/start_time'],
  ...['false', 'true', 0, 1, null].flatMap((value) =>
    ['include_duplicates', 'dry_run'].map((field): [Json, string] => [{ ...ENTITY, [field]: value }, `/${field}`]),
  ),
  ...['entity_id', 'source', 'event_type', 'reason'].flatMap((field) =>
    ['', 5, null, ['x'], { x: 1 }, long(501), '\ud800'].map((value): [Json, string] => [
      { ...ENTITY, [field]: value },
      `/${field}`,
    ]),
  ),
  [{ ...ENTITY, unknown: 1 }, '/unknown'],
  [{ ...ENTITY, entityId: 'x' }, '/entityId'],
  [{ ...ENTITY, 'a/b~c': 1 }, '/a~1b~0c'],
  ...[[], 'daily_event_count', [''], [5], [long(65)]].map((metrics): [Json, string] => [
    { ...ENTITY, metrics },
    '/metrics',
  ]),
  ...[[], EVENT_ID, [5], ['x'], ['z'.repeat(47)], [EVENT_ID, `${long(46)}v`], Array(1_001).fill(EVENT_ID)].map(
    (event_ids): [Json, string] => [{ event_ids }, '/event_ids'],
  ),
  ...['entity_id', 'source', 'event_type', 'start_time', 'end_time'].map((field): [Json, string] => [
    { event_ids: [EVENT_ID], [field]: field.endsWith('time') ? DAY.start_time : 'x' },
    `/${field}`,
  ]),
  ...['x', '', ID.toUpperCase(), ID.replace('-7', '-4'), 5].map((id): [Json, string] => [
    { ...ENTITY, replay_id: id },
    '/replay_id',
  ]),
  ...['x', '0'.repeat(63), 'G'.repeat(64), 5].map((hash): [Json, string] => [
    { ...ENTITY, plan_hash: hash },
    '/plan_hash',
  ]),
  ...['', 5, long(4_097)].map((cursor): [Json, string] => [{ ...ENTITY, cursor }, '/cursor']),
  [{ ...ENTITY, dry_run: true, replay_id: ID }, '/dry_run'],
  [{ ...ENTITY, dry_run: true, plan_hash: '0'.repeat(64) }, '/dry_run'],
];

const REDRIVES: readonly [body: Json, path: string][] = [
  ...[[], 'x', [''], [5], null, [long(201)], Array(1_001).fill('x'), ['\ud800']].map((message_ids): [Json, string] => [
    { message_ids },
    '/message_ids',
  ]),
  [{ ids: ['x'] }, '/ids'],
];

const COMPUTE = '/aggregates/compute?metric=daily_event_count&key=x&window_start=2025-12-28';
const VERSIONS = '/aggregates/versions?metric=daily_event_count&key=x';
const SELECTION = '/selection?start_time=2025-12-28T00:00:00Z&end_time=2025-12-29T00:00:00Z';

/** Invalid paths, each with the invalid parameter. */
const PATHS: readonly [path: string, field: string][] = [
  ['/selection', '/start_time'],
  [`/selection?start_time=${DAY.start_time}`, '/end_time'],
  [`${SELECTION}&received_from=${DAY.end_time}&received_to=${DAY.start_time}`, '/received_from'],
  [`${SELECTION}&entity_id=x`, '/entity_id'],
  [`${SELECTION}&source=a&source=b`, '/source'],
  [`${SELECTION}&source=%ED%A0%80`, '/source'],
  ['/aggregates/compute?key=x&window_start=2025-12-28', '/metric'],
  ['/aggregates/compute?metric=daily_event_count&window_start=2025-12-28', '/key'],
  ['/aggregates/compute?metric=daily_event_count&key=x', '/window_start'],
  ...['T00:00:00', 'T01:00:00Z', 'T00:00:00.000000001Z', 'x'].flatMap((rest): [string, string][] => [
    [`${COMPUTE}${rest}`, '/window_start'],
    [`${VERSIONS}&window_start=2025-12-28${rest}`, '/window_start'],
  ]),
  ['/aggregates/compute?metric=contract_sum&key=%5B%22a%22%2C%22b%22%5D&window_start=2025-12-28', '/window_start'],
  ['/aggregates/compute?metric=contract_sum&key=a&window_start=2025-12-28T00:00:00Z', '/key'],
  ['/aggregates/compute?metric=contract_sum&key=%5B%22a%22%5D&window_start=2025-12-28T00:00:00Z', '/key'],
  ['/aggregates/versions?metric=daily_event_count', '/key'],
  ['/aggregates/versions?key=x', '/metric'],
  ['/replays/x', '/replay_id'],
  [`/replays/${ID.toUpperCase()}x`, '/replay_id'],
];

/** Tests of refused requests about replays and dead letters, each with the invalid field. */
export function refusals(ask: Asking): void {
  const expectRefused = async (path: string, { asked, field }: { asked?: Ask; field: string }) => {
    const { status, json } = await ask(path, asked);
    expect([path, asked?.body, status, json.code, json.path]).toEqual([
      path,
      asked?.body,
      422,
      'REQUEST_INVALID',
      field,
    ]);
    expect(json.detail).toEqual(expect.any(String));
  };

  it('D38: refuses each ambiguous body of a replay, and records nothing of it', async () => {
    const latest = async () => (await ask('/replays?limit=1')).text;
    const before = await latest();
    for (const [body, field] of REPLAYS) {
      await expectRefused('/replay', { asked: { body: text(body) }, field });
      if (body.dry_run === undefined) {
        await expectRefused('/replay', {
          asked: { body: text({ ...body, dry_run: true }) },
          field: dryField(body, field),
        });
      }
    }
    expect(await latest()).toBe(before);
  });

  it('D38: refuses each ambiguous list of messages to redrive', async () => {
    for (const [body, field] of REDRIVES)
      await expectRefused('/dead-letters/redrive', { asked: { body: text(body) }, field });
  });

  it('D38: refuses each ambiguous parameter', async () => {
    for (const [path, field] of PATHS) await expectRefused(path, { field });
    await expectRefused('/replays/x/cancel', { asked: { method: 'POST' }, field: '/replay_id' });
  });

  it.each(['/replay', '/dead-letters/redrive'])(
    'D32, D38: %s takes one JSON object, and nothing else',
    async (path) => {
      for (const body of ['{', '{"limit":5', 'no json', '{}{}', '{}\n{}', 'null', '[]', '[{}]', '5', '"x"', 'true'])
        await expectRefused(path, { asked: { body }, field: '' });
      await expectRefused(path, { asked: { body: Uint8Array.of(0x7b, 0xff, 0x7d) }, field: '' });
      expect((await ask(path, { body: '' })).json.code).toBe('BODY_EMPTY');
      for (const type of [
        null,
        'text/plain',
        'application/x-ndjson',
        'application/cloudevents+json',
        'application/json; charset=latin1',
      ])
        expect(await ask(path, { body: '{}', type })).toMatchObject({
          status: 415,
          json: { code: 'MEDIA_TYPE_UNSUPPORTED' },
        });
      expect((await ask(path, { body: '{}', encoding: 'br' })).json.code).toBe('ENCODING_UNSUPPORTED');
      expect((await ask(path, { body: '{}', encoding: 'gzip' })).json.code).toBe('ENCODING_INVALID');
      const body = new Uint8Array(gzipSync('{"unknown":1}'));
      await expectRefused(path, {
        asked: { body, encoding: 'gzip', type: 'application/json; charset=utf-8' },
        field: '/unknown',
      });
    },
  );

  it('D38: distinguishes an unknown metric from one without values', async () => {
    for (const path of [
      '/aggregates/compute?metric=none&key=x&window_start=2025-12-28',
      '/aggregates/versions?metric=none&key=x',
      '/aggregates/versions?metric=none&key=x&window_start=2025-12-28',
    ]) {
      const { status, json } = await ask(path);
      expect([path, status, json.code]).toEqual([path, 404, 'METRIC_UNKNOWN']);
    }
    for (const body of [{}, { dry_run: true }]) {
      const { status, json } = await ask('/replay', { body: text({ ...ENTITY, ...body, metrics: ['none'] }) });
      expect([status, json.code]).toEqual([404, 'METRIC_UNKNOWN']);
    }
    expect((await ask(VERSIONS)).json.versions).toEqual([]);
  });

  it('A10: refuses a cursor that the route did not return', async () => {
    const other = Buffer.from('["x","y",1]').toString('base64url');
    for (const cursor of ['x', other, Buffer.from('{}').toString('base64url')]) {
      for (const body of [ENTITY, { ...DAY, source: 'x' }, { event_ids: [EVENT_ID] }]) {
        const { status, json } = await ask('/replay', { body: text({ ...body, dry_run: true, cursor }) });
        expect([status, json.code]).toEqual([400, 'CURSOR_INVALID']);
      }
    }
  });

  it('A10: a cursor with a changed character never causes a server failure', async () => {
    const of = fresh();
    const record = (n: number) => event({ ...of, event_time: `2025-12-28T10:00:0${n}Z` });
    await ask('/ingest', { body: text([...[1, 2, 3].map(record), { ...record(4), event_type: 'another' }]) });
    const selection = { ...DAY, entity_id: of.entity_id, limit: 1 };
    for (let i = 0; i < 2; i++) await ask('/replay', { body: text(selection) });
    const dryRun = (by: object) => (cursor?: string) =>
      ask('/replay', { body: text({ ...DAY, ...by, limit: 1, dry_run: true, cursor }) });
    const listing = (path: string) => (cursor?: string) =>
      ask(
        `${path}${path.includes('?') ? '&' : '?'}limit=1${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
    const walks = [
      listing(SELECTION),
      listing('/replays'),
      listing(`/reports/lag?source=${of.source}`),
      dryRun({ entity_id: of.entity_id }),
      dryRun({ source: of.source }),
    ];
    for (const walk of walks) {
      const cursor: string = (await walk()).json.next_cursor;
      for (let place = 0; place < 45; place++) {
        const at = Math.floor((place * cursor.length) / 45);
        const { status, json } = await walk(cursor.slice(0, at) + 'A9_'.charAt(place % 3) + cursor.slice(at + 1));
        if (status !== 200) expect([status, json.code]).toEqual([400, 'CURSOR_INVALID']);
      }
    }
  });
}

/** A dry run has no id and no hash. The server refuses them before it checks other fields, malformed ones first. */
function dryField(body: Json, field: string): string {
  const named = typeof body.replay_id === 'string' || typeof body.plan_hash === 'string';
  return named && field !== '/replay_id' && field !== '/plan_hash' ? '/dry_run' : field;
}
