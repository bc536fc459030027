import {
  type ReplayAnswer,
  type ReplayPlanPage,
  type ReplayView,
  ROUTES,
  type Route,
  type RouteName,
} from '@pik/schema';
import { expect } from 'vitest';

import { type Ask, type Asking, event, type Json, text, unique } from './ask.ts';

/** The day of most events of these tests. */
export const DAY = { start_time: '2025-12-28T00:00:00Z', end_time: '2025-12-29T00:00:00Z' } as const;

/** Skips the rest of a test if its condition holds. */
export type Skip = (condition: boolean, note?: string) => void;

/** The requests of the tests of replays and dead letters. */
export interface ReplayAsks {
  readonly ask: Asking;
  /** An answer of 200 in the declared form of its route, without undeclared fields. */
  get(route: RouteName, path: string, options?: Ask): Promise<Json>;
  /** One part of a replay. */
  replay(body: object): Promise<ReplayAnswer>;
  /** One part of a dry run. */
  plan(body: object): Promise<ReplayPlanPage>;
  /** A replay and its progress. */
  view(replayId: string): Promise<ReplayView>;
  /** The error code of a refused `POST /replay`. */
  refusal(body: object): Promise<string>;
  /** Waits until each touched window of a replay has been recomputed; skips the test if no messages are processed. */
  processed(replayId: string, skip: Skip): Promise<ReplayView>;
  /** Lets messages be processed until a condition holds; skips the test if none are. */
  until(condition: () => Promise<boolean>, skip: Skip): Promise<void>;
}

/** Sends requests over HTTP; `work` processes messages, if the kit under test can. */
export function createReplayAsks(ask: Asking, work: () => (() => Promise<void>) | undefined): ReplayAsks {
  const get: ReplayAsks['get'] = async (route, path, options) => {
    const { status, json, text: answered } = await ask(path, options);
    expect(status, answered).toBe(200);
    expect((ROUTES[route] as Route).response?.parse(json)).toEqual(json);
    return json;
  };
  const view = (replayId: string): Promise<ReplayView> => get('replayById', `/replays/${replayId}`);
  const until: ReplayAsks['until'] = async (condition, skip) => {
    const take = work();
    skip(take === undefined, 'no messages are taken here');
    do await take?.();
    while (!(await condition()));
  };
  const isDone = async (replayId: string) => {
    const { windows } = await view(replayId);
    return windows.done === windows.touched;
  };
  return {
    ask,
    get,
    replay: (body) => get('replay', '/replay', { body: text(body) }),
    plan: (body) => get('replay', '/replay', { body: text({ ...body, dry_run: true }) }),
    view,
    refusal: async (body) => (await ask('/replay', { body: text(body) })).json.code,
    async processed(replayId, skip) {
      await until(() => isDone(replayId), skip);
      return view(replayId);
    },
    until,
  };
}

/** A unique entity and source. */
export function fresh(): { entity_id: string; source: string } {
  const n = unique();
  return { entity_id: `contract_replay_${n}`, source: `contract_replay_${n}` };
}

/** Sends events in one request; each must be new. Returns their ids. */
export async function send(ask: Asking, events: readonly object[]): Promise<string[]> {
  const { json } = await ask('/ingest', { body: text(events.map((fields) => event({ ...fields }))) });
  expect(json.counts).toEqual({ ACCEPTED: events.length });
  return json.results.map(({ event_id }: Json) => event_id);
}

/** Events of one entity and source, one second apart. */
export function series(of: object, count: number, from = '2025-12-28T10:00:00Z'): object[] {
  const start = Date.parse(from);
  return Array.from({ length: count }, (_, i) => ({
    ...of,
    event_time: new Date(start + i * 1_000).toISOString(),
    payload: { value: i },
  }));
}

/** All items of a paged listing. */
export async function readAll(
  get: ReplayAsks['get'],
  route: RouteName,
  { path, items }: { path: string; items: string },
): Promise<Json[]> {
  const found: Json[] = [];
  await walk(async (cursor) => {
    const page = await get(route, path + (cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`));
    found.push(...page[items]);
    return page.next_cursor;
  });
  return found;
}

/** Reads page by page. Throws on a repeated cursor, which would never end. */
export async function walk(read: (cursor: string | null) => Promise<string | null>): Promise<void> {
  const places = new Set<string | null>();
  for (let cursor = await read(null); cursor !== null; cursor = await read(cursor)) {
    expect(places).not.toContain(cursor);
    places.add(cursor);
  }
}

/** Sends every part of a replay; returns the answers. */
export async function replayAll(asks: ReplayAsks, body: object): Promise<[ReplayAnswer, ...ReplayAnswer[]]> {
  const answers: ReplayAnswer[] = [];
  await walk(async (cursor) => {
    const answer = await asks.replay(cursor === null ? body : { replay_id: answers[0]?.replay_id, cursor });
    answers.push(answer);
    return answer.next_cursor;
  });
  return answers as [ReplayAnswer, ...ReplayAnswer[]];
}
