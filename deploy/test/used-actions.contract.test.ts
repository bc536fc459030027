import { countOf, defineAggregate } from '@pik/aggregates';
import { open as openProcessor } from '@pik/handlers/processor';
import { open as openSweeper } from '@pik/handlers/sweeper';
import { open as openWatcher } from '@pik/handlers/watcher';
import { LIMITS, MONITOR_KINDS, type Monitor, SCOPES } from '@pik/schema';
import { CONTRACT_AGGREGATES, CONTRACT_VOLATILE, describeHttpContract } from '@pik/testkit';
import { type AwsCall, createFakeAws } from '@pik/testkit/aws';
import { captureLines, keyOf, setupOver } from '@pik/testkit/fixtures/functions/functions';
import {
  type FunctionName as Behind,
  type Gateway,
  invocation,
  openGateway,
} from '@pik/testkit/fixtures/functions/gateway';
import { createMovingClock, handOver } from '@pik/testkit/fixtures/functions/mapping';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessesOf } from './support/calls.ts';
import { deploy, FUNCTIONS, type FunctionName } from './support/cloud.ts';
import { isAllowed, list, statementsOf } from './support/iam.ts';

// G24: the roles allow the requests that the functions really send, over the whole HTTP contract and a life with
// crashes and lost answers; and nothing else.

const resources = deploy();
const clock = createMovingClock();
const aws = createFakeAws({ clock });
const sent = new Map<FunctionName, AwsCall[]>(FUNCTIONS.map((name) => [name, []]));

/** Runs one function and records its requests. */
async function as<T>(name: FunctionName, run: () => Promise<T>): Promise<T> {
  const before = aws.calls.length;
  try {
    return await run();
  } finally {
    sent.get(name)?.push(...aws.calls.slice(before));
  }
}

/** Reads only entities, which only the rows of events name. */
const ordersOfLife = defineAggregate({
  metric: 'orders_of_life',
  definition_version: 1,
  group_by: 'source_type',
  window: 'day',
  time_zone: 'UTC',
  reads_payload: false,
  ...countOf(({ entity_id }) => entity_id === 'life'),
});

const NAMES: Record<Behind, FunctionName> = { ingest: 'Ingest', replay: 'Replay', investigate: 'Investigate' };
/** One process; after a crash there is another. */
let backend = aws.open();
let aggregates = CONTRACT_AGGREGATES;
const setup = () => setupOver(backend, { aggregates, volatile: CONTRACT_VOLATILE, settleMs: 0, retryDelayMs: 1_000 });

async function openNoted(): Promise<Gateway> {
  const gateway = await openGateway(setup(), { now: () => clock.now() });
  for (const [name, run] of Object.entries(gateway.functions) as [Behind, Gateway['functions'][Behind]][])
    (gateway.functions as Record<Behind, unknown>)[name] = (...call: Parameters<typeof run>) =>
      as(NAMES[name], () => run(...call));
  return gateway;
}

let captured: ReturnType<typeof captureLines>;
beforeAll(() => {
  captured = captureLines();
});
afterAll(() => captured.stop());

/** Delivers every message, as the mapping would, and lets it delete the finished ones; returns their number. */
async function work(): Promise<number> {
  const processor = await openProcessor(setup());
  return handOver({ queue: backend.queue, clock }, (...call) => as('Processor', () => processor(...call)));
}

async function open() {
  const { fetch } = await openNoted();
  return {
    baseUrl: 'https://api.test',
    fetch,
    key: keyOf,
    async work() {
      await work();
    },
    close: async () => undefined,
  };
}

describeHttpContract('the functions behind the API, over services in memory', open, { manyRecords: false });

describe('a life of the functions', () => {
  beforeAll(() => {
    aggregates = [...CONTRACT_AGGREGATES, ordersOfLife];
  });
  const key = keyOf([...SCOPES]);
  let gateway: Gateway;
  const ask = async (path: string, body?: unknown) => {
    const headers = {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) };
    return gateway.fetch(new Request(`https://api.test${path}`, init));
  };
  const event = (n: number, rest: object = {}) => ({
    source: 's',
    event_type: 't',
    entity_id: 'life',
    event_time: `2025-12-28T10:00:${String(n % 60).padStart(2, '0')}Z`,
    payload: { value: n },
    ...rest,
  });
  const RANGE = { start_time: '2025-12-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' };

  it('goes through crashes, lost answers, replays, poison and repair', async () => {
    gateway = await openNoted();
    // A retry after a lost answer gets 412 from S3, and a failed condition from DynamoDB.
    for (const call of [1, 2, 3, 4]) {
      aws.plan([{ call, kind: 'fail-after' }]);
      expect((await ask('/ingest', [event(call), event(call), event(9, { idempotency_key: 'k' }), {}])).status).toBe(
        200,
      );
    }
    aws.plan([]);
    // Enough repeats in one request to look them up together.
    const many = Array.from({ length: 20 }, (_, n) => event(n, { event_time: `2025-12-28T12:00:${n + 10}Z` }));
    for (const outcome of ['ACCEPTED', 'DUPLICATE'])
      expect(await (await ask('/ingest', many)).json()).toMatchObject({ counts: { [outcome]: many.length } });
    await ask('/ingest?dry_run=true', [event(1), event(50)]);
    await ask('/import', [event(3, { received_at: '2025-12-29T00:00:00Z' })]);
    const { replay_id } = (await (
      await ask('/replay', { entity_id: 'life', ...RANGE, include_duplicates: true })
    ).json()) as { replay_id: string };
    await ask('/replay', { source: 's', ...RANGE });
    await ask('/replay', { entity_id: 'life', ...RANGE, dry_run: true });
    await work();
    await ask('/ingest', [event(20, { event_time: '2025-12-28T11:00:00Z' })]);
    clock.pass(60_000);
    await ask('/replay', { entity_id: 'life', ...RANGE, dry_run: true });
    await ask('/replay', { entity_id: 'life', ...RANGE });
    aws.plan([{ call: 12, kind: 'fail-after' }]);
    await work();
    aws.plan([]);
    await ask('/replay', { entity_id: 'life', ...RANGE, dry_run: true });
    const { events } = (await (await ask('/timeline?entity_id=life')).json()) as { events: { event_id: string }[] };
    // For a metric that no server computes any more: the message dies, and is listed among the failures of its event's
    // series.
    const orphan = {
      kind: 'replay',
      message_id: 'orphan',
      replay_id,
      as_of: '2026-01-01T00:00:00Z',
      events: events.slice(0, 1),
      recompute: [{ metric: 'unknown', key: 'x', window_start: '2025-12-28T00:00:00Z' }],
    };
    await backend.queue.send([
      { message_id: 'poison', body: '{}' },
      { message_id: 'orphan', body: JSON.stringify(orphan) },
    ]);
    for (let receives = 0; receives <= LIMITS.message_receives_max; receives++) await work();
    await ask('/dead-letters');
    await ask('/dead-letters/redrive', { message_ids: ['poison'] });
    await ask(`/replays/${replay_id}/cancel`, {});
    for (const path of [
      '/replays',
      `/replays/${replay_id}`,
      '/reports/lag',
      '/reports/duplicates',
      '/rejects',
      '/healthz',
      '/aggregates',
    ])
      expect([path, (await ask(path)).status]).toEqual([path, 200]);
    const value = `metric=daily_event_count&key=life&window_start=${encodeURIComponent('2025-12-28')}`;
    for (const path of [
      `/aggregates/compute?${value}`,
      `/aggregates/versions?${value}`,
      '/timeline?entity_id=life&include=body',
      `/selection?${new URLSearchParams({ ...RANGE, source: 's', include: 'body' })}`,
    ])
      expect([path, (await ask(path)).status]).toEqual([path, 200]);
    for (const { event_id } of events) expect((await ask(`/events/${event_id}`)).status).toBe(200);
    let cursor: string | null = '';
    while (cursor !== null)
      cursor = ((await (await ask(`/verify${cursor && `?cursor=${cursor}`}`)).json()) as { next_cursor: string | null })
        .next_cursor;
  });

  it('the sweeper comes after a crash', async () => {
    gateway = await openNoted();
    aws.plan([{ call: 3, kind: 'crash-before' }]);
    await ask('/ingest', [event(30), event(30), event(31, { idempotency_key: 'k2' })]);
    aws.plan([]);
    backend = aws.open();
    clock.pass(200_000);
    const sweeper = await openSweeper(setup());
    const summary = await as('Sweeper', () => sweeper({}, invocation('sweeper')));
    expect(summary).toMatchObject({ packs_admitted: 1, packs_unreadable: 0 });
  });

  it('the sweeper comes after a crash that left most of the rows there', async () => {
    gateway = await openNoted();
    aws.plan([{ call: 22, kind: 'crash-before' }]);
    await ask(
      '/ingest',
      Array.from({ length: 24 }, (_, n) => event(n, { event_time: `2025-12-28T13:00:${n + 10}Z` })),
    );
    aws.plan([]);
    backend = aws.open();
    clock.pass(200_000);
    const sweeper = await openSweeper(setup());
    const summary = await as('Sweeper', () => sweeper({}, invocation('sweeper')));
    expect(summary).toMatchObject({ packs_admitted: 1, packs_unreadable: 0 });
  });

  it('the watcher judges a monitor of each kind, an incident begins and ends, and its monitor is retired', async () => {
    gateway = await openNoted();
    await ask('/ingest', [event(40, { event_time: new Date(clock.now() - 60_000).toISOString() }), {}]);
    const needs: { readonly [K in Monitor['kind']]?: object } = {
      lag: { p95_ms_max: 1 },
      metric: { metric: 'daily_event_count', key: 'life', below: 1 },
    };
    const monitors = MONITOR_KINDS.map((kind) => ({ name: kind, kind, resolve_after_ms: 0, ...needs[kind] }));
    const watch = async (declared: readonly object[]) => {
      const watcher = await openWatcher({ ...setup(), monitors: declared as Monitor[] });
      await as('Watcher', () => watcher({}, invocation('watcher')));
    };
    await watch(monitors);
    const { monitors: listed } = await (await ask('/monitors')).json();
    expect(listed.map(({ name, fault }: { name: string; fault: string | null }) => [name, fault])).toEqual(
      MONITOR_KINDS.toSorted().map((kind) => [kind, null]),
    );
    const { incidents } = listed.find(({ name }: { name: string }) => name === 'failures');
    expect(incidents[0]).toMatchObject({ state: 'FIRING' });
    expect((await ask('/monitors/lag/mute', { minutes: 5 })).status).toBe(200);
    clock.pass(3_600_000);
    await watch(monitors);
    await watch([]);
    const ended = await (await ask('/incidents')).json();
    expect(ended.incidents.map(({ monitor }: { monitor: string }) => monitor)).toContain('failures');
  });
});

describe('G24', () => {
  it.each(FUNCTIONS)('%s sends nothing that its role does not allow', (name) => {
    const statements = statementsOf(resources[`${name}Role`]);
    const refused = (sent.get(name) ?? []).flatMap(accessesOf).filter((access) => !isAllowed(statements, access));
    const told = new Set(refused.map(({ action, resource }) => `${action} on ${resource}`));
    expect([...told]).toEqual([]);
    expect(sent.get(name)?.length).toBeGreaterThan(0);
  });

  /** Permissions for requests that are not sent to a store, or only in ways that the in-memory services cannot show. */
  const UNSEEN = new Set([
    // Without it S3 answers 403 for a missing object, to the functions that ask whether it exists.
    's3:ListBucket',
    'logs:CreateLogStream',
    'logs:PutLogEvents',
    'xray:PutTraceSegments',
    'xray:PutTelemetryRecords',
    'secretsmanager:GetSecretValue',
    // The mapping uses them in the function's name.
    'sqs:GetQueueAttributes',
    'sqs:ReceiveMessage on ReplayQueue',
    'sqs:DeleteMessage on ReplayQueue',
  ]);

  it.each(FUNCTIONS)('%s is allowed nothing that it never sends', (name) => {
    const accesses = (sent.get(name) ?? []).flatMap(accessesOf);
    const unused: string[] = [];
    for (const statement of statementsOf(resources[`${name}Role`]))
      for (const action of list(statement.Action))
        for (const resource of list(statement.Resource)) {
          const short = `${action} on ${resource.replace(/^.*[:/](?=[^:/]+(\/[a-z]+\/\*)?$)/, '')}`;
          if (UNSEEN.has(action) || UNSEEN.has(short)) continue;
          const one = [{ ...statement, Action: action, Resource: resource }];
          if (!accesses.some((access) => isAllowed(one, access))) unused.push(short);
        }
    expect(unused).toEqual([]);
  });
});
