import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DeclaredName, QUESTION_NAMES, ROUTES } from '@pik/schema';
import { fixedRuns, runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { openThreads, type Threads } from './support/threads.ts';

// Every question of random lives, answered by the thread of ingest and by another one: the same bytes.

const START = Date.UTC(2026, 2, 2);
const HOUR = 3_600_000;
const PRODUCER = '01890a5d-ac96-774b-bcce-b302099a8057';

/** A record of a life in which repeats, conflicts, late, keyed and broken records are frequent. */
interface SmallRecord {
  readonly entity: number;
  readonly type: number;
  readonly key: number | null;
  readonly hour: number;
  readonly n: number;
  readonly broken: boolean;
}

/** One step of a life: a request with events, a replay of everything, or time passes. */
type Step =
  | { readonly kind: 'live' | 'import'; readonly records: readonly SmallRecord[] }
  | { readonly kind: 'replay' }
  | { readonly kind: 'pass'; readonly hours: number };

const record: fc.Arbitrary<SmallRecord> = fc.record({
  entity: fc.nat(2),
  type: fc.nat(1),
  key: fc.option(fc.nat(2)),
  hour: fc.nat(30),
  n: fc.nat(2),
  broken: fc.nat(9).map((n) => n === 0),
});
const records = fc.array(record, { minLength: 1, maxLength: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('live' as const), records }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('import' as const), records }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replay' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), hours: fc.integer({ min: 1, max: 9 }) }) },
);

const timeOf = (hour: number) => new Date(START + hour * HOUR).toISOString();

function textOf({ entity, type, key, hour, n, broken }: SmallRecord, place: number, isImport: boolean): string {
  const text = JSON.stringify({
    ...{ source: 'shop', event_type: `type_${type}`, entity_id: `entity_${entity}`, event_time: timeOf(hour) },
    ...(key === null ? {} : { idempotency_key: `k${key}` }),
    ...(key === null ? { producer: { id: PRODUCER, seq: hour * 12 + place + 1 } } : {}),
    ...(isImport ? { received_at: timeOf(hour) } : {}),
    payload: { n },
  });
  return broken ? text.slice(0, -1) : text;
}

async function post({ there }: Threads, path: string, body: string, type = 'application/json'): Promise<string> {
  const headers = { 'content-type': type };
  return (await there(new Request(`http://kit${path}`, { method: 'POST', headers, body }))).text();
}

async function live(kit: Threads, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    kit.clock.ms += 1_000;
    if (step.kind === 'pass') kit.clock.ms += step.hours * HOUR;
    else if (step.kind === 'replay') {
      // Every second one is processed by the thread of ingest: both append versions.
      await post(kit, '/replay', JSON.stringify(WHOLE));
      if (kit.clock.ms % 2_000 === 0) await kit.workAll();
      else while ((await kit.pipeline.work()) !== 'IDLE');
    } else {
      const isImport = step.kind === 'import';
      const body = step.records.map((each, place) => textOf(each, place, isImport)).join('\n');
      await post(kit, isImport ? '/import' : '/ingest', body, 'application/x-ndjson');
    }
  }
}

const WHOLE = { source: 'shop', start_time: timeOf(-24), end_time: timeOf(96) };

const EVENT = { entity_id: 'entity_1', event_time: timeOf(3) };
const VALUE = 'metric=sum_by_all&key=all&window_start=2026-03-02';

/** Questions by their route, without cursor; a missing route is a type error. `tail` belongs to the thread that ingests. */
const ASKED: { readonly [N in Exclude<Asked, 'tail'>]: readonly string[] } = {
  lag: ['', 'basis=received&by=hour', 'by=day,event_type&include_imported=true&limit=1', 'as_of=2026-03-02T12:00:00Z'],
  duplicates: ['', 'by=hour&basis=received&limit=1'],
  failures: ['', 'by=event_type,hour&limit=1'],
  find: ['limit=2', 'where=payload.n+%3D+1&include=body', 'where=outcome+%3D%3D+REJECTED'],
  compare: ['a=outcome+%3D+REJECTED&limit=1', 'b_to=2026-03-02&measure=mean&of=payload.n&depth=3&per_mille=100'],
  schema: ['limit=1', 'drift_from=2026-03-02T12:00:00Z&json_schema=true'],
  gaps: ['by=event_type', 'cadence_ms=3600000&include_imported=true', `metric=sum_by_all&key=all&grain=day&${range()}`],
  completeness: ['', 'by=event_type&closed_after_ms=3600000&include_imported=true'],
  event: [''],
  eventByKey: [
    new URLSearchParams(EVENT).toString(),
    'source=shop&event_type=type_0&entity_id=entity_0&key=k0',
    'source=shop&event_type=type_0&entity_id=nobody&key=k0',
  ],
  proof: [''],
  receipt: ['', 'json'],
  timeline: ['entity_id=entity_0&limit=2', 'entity_id=entity_1&include=deliveries', 'entity_id=entity_2&include=body'],
  selection: [`source=shop&limit=3&${range()}`, `source=shop&include=body&${range()}`],
  metricList: [''],
  compute: [VALUE, 'metric=none&key=all&window_start=2026-03-02'],
  versions: ['metric=sum_by_all&key=all&limit=1', 'metric=daily_event_count&key=entity_0'],
  explainChange: [VALUE, `${VALUE}&from=2026-03-02T12:00:00Z&to=now`],
  replays: ['', 'limit=1'],
  monitors: [''],
  incidents: [''],
  replayById: [''],
  deadLetters: [''],
  rejects: ['', 'limit=1', 'include=body'],
  verify: [''],
  audit: ['', 'limit=1'],
};

/** Only the thread that ingests follows what arrives. */
type Asked = Exclude<DeclaredName, 'tail'>;

function range(): string {
  return `start_time=${WHOLE.start_time}&end_time=${WHOLE.end_time}`;
}

/** The paths of a route: those with an id name one of each kind that the life has, and one that it does not have. */
function pathsOf(route: Asked, ids: { events: string[]; packs: string[]; replays: string[] }): string[] {
  const { path } = ROUTES[route];
  const unknown = PRODUCER;
  if (route === 'event' || route === 'proof') return [...ids.events, 'x'].map((id) => path.replace(':event_id', id));
  if (route === 'replayById') return [...ids.replays, unknown].map((id) => path.replace(':replay_id', id));
  if (route === 'receipt')
    return [...ids.packs, unknown].map((id) => path.replace(':pack_id', id).replace(':line', '0'));
  return [path];
}

interface Compared {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

async function compared(response: Promise<Response>): Promise<Compared> {
  const { status, headers, ...rest } = await response.then(async (answer) => ({
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    bytes: Buffer.from(await answer.arrayBuffer()),
  }));
  const requestId = headers['x-request-id'] ?? '';
  return {
    status,
    headers: { ...headers, 'x-request-id': '' },
    body: rest.bytes.toString('latin1').replaceAll(requestId, ''),
  };
}

/** Asks both ways, page by page; true if the question was answered, false if it was refused. */
async function expectSame(kit: Threads, path: string, query: string, init: RequestInit): Promise<boolean> {
  for (let cursor: string | null = null; ; ) {
    const asked = new URLSearchParams(query);
    if (cursor !== null) asked.set('cursor', cursor);
    const request = () => new Request(`http://kit${path}?${asked}`, init);
    const [here, there] = await Promise.all([compared(kit.here(request())), compared(kit.there(request()))]);
    expect(there, `${path}?${asked}`).toEqual(here);
    cursor = here.status === 200 ? nextOf(here.body) : null;
    if (cursor === null) return here.status === 200;
  }
}

function nextOf(body: string): string | null {
  return /"next_cursor":"([^"]+)"/.exec(body)?.[1] ?? null;
}

/** Asks every question both ways; returns the routes that had an answer and not only refusals. */
async function expectSameAnswers(kit: Threads): Promise<Set<string>> {
  const ids = await idsOf(kit);
  const answered = new Set<string>();
  for (const [route, queries] of Object.entries(ASKED) as [Asked, readonly string[]][])
    for (const path of pathsOf(route, ids))
      for (const query of queries) {
        const isJson = query === 'json';
        const init = isJson ? { headers: { accept: 'application/json' } } : {};
        if (await expectSame(kit, path, isJson ? '' : query, init)) answered.add(route);
      }
  await expectSamePlans(kit);
  return answered;
}

async function idsOf({ here }: Threads) {
  const of = async (path: string, pattern: RegExp) => {
    const text = await (await here(new Request(`http://kit${path}`))).text();
    return [...new Set([...text.matchAll(pattern)].map(([, id]) => id as string))].slice(0, 4);
  };
  const timeline = '/timeline?entity_id=entity_0&include=deliveries';
  return {
    events: await of(timeline, /"event_id":"([^"]+)"/g),
    packs: await of(timeline, /"pack_id":"([^"]+)"/g),
    replays: await of('/replays', /"replay_id":"([^"]+)"/g),
  };
}

/** A plan in stretches: the cursor of each carries the hash of those before it. */
async function expectSamePlans(kit: Threads): Promise<void> {
  for (let cursor: string | undefined; ; ) {
    const body = JSON.stringify({ ...WHOLE, dry_run: true, limit: 5, cursor });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    const [here, there] = await Promise.all(
      [kit.here, kit.there].map((fetch) => compared(fetch(new Request('http://kit/replay', init)))),
    );
    expect(there).toEqual(here);
    const next = nextOf(here?.body ?? '');
    if (next === null) return;
    cursor = next;
  }
}

async function faultsOf({ there }: Threads): Promise<string[]> {
  const faults: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const text = await (await there(new Request(`http://kit/verify${cursor && `?cursor=${cursor}`}`))).text();
    faults.push(...JSON.parse(text).faults.map((fault: object) => JSON.stringify(fault)));
    cursor = nextOf(text);
  }
  return faults;
}

/** Plays a life, asks, plays its end, and asks again; returns the routes that had an answer. */
async function expectSameOver(steps: readonly Step[]): Promise<Set<string>> {
  const dir = mkdtempSync(join(tmpdir(), 'pik-same-'));
  const kit = await openThreads(dir, { startMs: START });
  try {
    await live(kit, steps.slice(0, -2));
    await expectSameAnswers(kit);
    // The thread has answered before, and what it has cached must not hide what comes now.
    await live(kit, [...steps.slice(-2), { kind: 'replay' }, { kind: 'pass', hours: 2 }]);
    await kit.sign();
    const answered = await expectSameAnswers(kit);
    expect(kit.logged).not.toContain('reader_config_differs');
    expect(kit.reads()).toBeGreaterThan(0);
    expect(await faultsOf(kit)).toEqual([]);
    const versions = await (
      await kit.there(new Request('http://kit/aggregates/versions?metric=sum_by_all&key=all'))
    ).text();
    if (versions.includes('"version":2')) answered.add('a second version');
    return answered;
  } finally {
    await kit.close();
    rmSync(dir, { recursive: true });
  }
}

const steps = fc.array(step, { minLength: 3, maxLength: 14 });

describe('a question on a thread of its own', () => {
  it('has the answer that the thread of ingest gives, byte by byte, over random lives', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (life) => void (await expectSameOver(life))),
      runs(24),
    );
  });

  it('is asked for every declared question, and answered', async () => {
    const answered = new Set<string>();
    await fc.assert(
      fc.asyncProperty(steps, async (life) => {
        for (const route of await expectSameOver(life)) answered.add(route);
      }),
      fixedRuns(2),
    );
    expect([...answered].sort()).toEqual([...Object.keys(ASKED), 'a second version'].sort());
    expect(Object.keys(ASKED)).toEqual(expect.arrayContaining([...QUESTION_NAMES]));
  });
});
