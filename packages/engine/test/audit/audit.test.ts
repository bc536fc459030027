import { createHash } from 'node:crypto';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type AuditPage, type AuditRecord, KitError, LIMITS, MS_PER_DAY, ROUTES, type RouteName } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { createFakePipeline } from '@pik/testkit/fake-pipeline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import { createAuditLog } from '../../src/audit/audit-log.ts';
import { isAct, isAudited } from '../../src/audit/rules/audit-record.ts';
import { createAuditStore } from '../../src/backends/local/audit-store.ts';
import { createApp } from '../../src/http/create-app.ts';
import type { AuditStore } from '../../src/ports/audit-store.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';

const SCOPES = ['ingest', 'import', 'investigate', 'sensitive', 'replay', 'operate', 'erase', 'audit'] as const;
const ALL = { name: 'ops', owner: 'alice@shop.example', scopes: SCOPES };
const READER = { name: 'reader', owner: undefined, scopes: ['investigate', 'audit'] as const };
const START = Date.UTC(2026, 0, 1, 12);

let dir: string;
let store: AuditStore;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-audit-'));
  store = createAuditStore(dir);
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true });
});

/** A kit whose audit is in the directory; `over` replaces calls of its store. */
function openKit({ over = {}, pipeline }: { over?: Partial<AuditStore>; pipeline?: object } = {}) {
  const clock = createTestClock(START);
  const counts: Record<string, number> = {};
  const count = (metric: string, n: number) => {
    counts[metric] = (counts[metric] ?? 0) + n;
  };
  const telemetry = { ...silentTelemetry, count };
  const used: AuditStore = { ...store, ...over };
  const backend = Object.assign(createMemoryBackend(clock), { audit: used });
  const audit = createAuditLog({ store: used, clock, telemetry, retentionDays: 2 });
  const apiKeys = [ALL, READER].map((key) => ({
    ...{ ...key, scopes: [...key.scopes] },
    key_sha256: createHash('sha256').update(key.name).digest('hex'),
  }));
  const own = createPipeline({ backend, mask: [{ source: 's', event_type: 't', paths: ['/email'] }] });
  const app = createApp({ pipeline: { ...own, ...pipeline }, telemetry, apiKeys, audit, now: () => clock.ms });
  const ask = (path: string, { key = 'ops', body }: { key?: string; body?: object | undefined } = {}) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) };
    return app.fetch(new Request(`http://kit${path}`, init));
  };
  const records = async (query = '', key = 'ops'): Promise<AuditRecord[]> => {
    const answer = await ask(`/audit?${query}`, { key });
    return ((await answer.json()) as AuditPage).records;
  };
  return { ask, records, clock, counts, audit };
}

const stored = async (): Promise<AuditRecord[]> => {
  const { items } = await store.list({ fromMs: 0, toMs: START * 2, limit: 1_000 });
  return items.map((line) => JSON.parse(line) as AuditRecord);
};

describe('a question', () => {
  it('leaves who, when, what and how it was answered', async () => {
    const { ask } = openKit();
    await ask('/timeline?entity_id=user_1&limit=3');
    expect(await stored()).toEqual([
      {
        ...{
          recorded_at: '2026-01-01T12:00:00.000000000Z',
          kind: 'READ',
          request_id: expect.any(String),
          route: 'timeline',
        },
        ...{ principal: 'ops', owner: 'alice@shop.example', asked: { entity_id: 'user_1', limit: '3' }, searched: {} },
        ...{ status: 200, code: null, duration_ms: expect.any(Number), lost: 0 },
      },
    ]);
  });

  it('is recorded before its answer leaves', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun = () => {};
    const isAppending = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const append: AuditStore['append'] = async (...args) => {
      begun();
      await held;
      await store.append(...args);
    };
    const { ask } = openKit({ over: { append } });
    let isAnswered = false;
    const answer = ask('/reports/lag').then(() => {
      isAnswered = true;
    });
    await isAppending;
    expect(isAnswered).toBe(false);
    release();
    await answer;
    expect(await stored()).toHaveLength(1);
  });

  it('is recorded with its error if it is refused', async () => {
    const { ask } = openKit();
    await ask('/reports/lag?nonsense=secret');
    expect(await stored()).toMatchObject([{ kind: 'READ', status: 422, code: 'REQUEST_INVALID', asked: {} }]);
  });

  it('is answered while the audit cannot be written; the records that are missing are counted and reported', async () => {
    let isBroken = true;
    const append: AuditStore['append'] = (...args) =>
      isBroken ? Promise.reject(new KitError('STORAGE_FULL')) : store.append(...args);
    const { ask, counts } = openKit({ over: { append } });
    for (const path of ['/reports/lag', '/reports/gaps', '/replays']) expect((await ask(path)).status).toBe(200);
    expect(counts['AuditLostCount']).toBe(3);
    isBroken = false;
    await ask('/monitors');
    await ask('/monitors');
    expect((await stored()).map(({ kind, lost, route }) => [kind, lost, route])).toEqual([
      ['READ', 0, 'monitors'],
      ['READ', 0, 'monitors'],
      ['LOST', 3, null],
    ]);
  });

  it('is counted beyond the records that may wait', async () => {
    const { audit, counts } = openKit({ over: { append: () => new Promise(() => {}) } });
    const request = { request_id: 'r', route: 'lag', principal: null, owner: null, asked: {}, searched: {} } as const;
    const end = () => audit.end('READ', request, { status: 200, code: null, duration_ms: 1 });
    // The first is being written.
    for (let i = 0; i <= LIMITS.audit_waiting_max; i++) void end();
    await end();
    expect(counts['AuditLostCount']).toBe(1);
    await expect(audit.begin(request)).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
  });
});

describe('an action', () => {
  it('is recorded with its body before it begins, and with its end', async () => {
    const body = { source: 's', start_time: '2026-01-01', end_time: '2026-01-02', reason: 'late payments' };
    let before: AuditRecord[] = [];
    const replay = async () => {
      before = await stored();
      throw new KitError('PLAN_STALE');
    };
    const { ask } = openKit({ pipeline: { replay } });
    expect((await ask('/replay', { body })).status).toBe(409);
    expect(before).toMatchObject([{ kind: 'ACT', route: 'replay', asked: body, status: null }]);
    const [acted, act] = await stored();
    expect(acted).toMatchObject({ kind: 'ACTED', status: 409, code: 'PLAN_STALE', request_id: act?.request_id });
  });

  it('is not done while it cannot be recorded', async () => {
    const pipeline = createFakePipeline();
    const over = { append: () => Promise.reject(new Error('gone')) };
    const { ask, counts } = openKit({ over, pipeline });
    const answer = await ask('/dead-letters/redrive', { body: {} });
    expect([answer.status, await answer.json()]).toEqual([503, expect.objectContaining({ code: 'AUDIT_UNAVAILABLE' })]);
    expect(pipeline.calls.map(([name]) => name)).not.toContain('redrive');
    expect(counts['AuditLostCount']).toBeUndefined();
  });

  it('leaves out the record that replaces a rejected receipt, and the positions of pages', async () => {
    const { ask } = openKit();
    const receipts = [{ pack_id: 'p', line: 4, body: '{"email":"canary"}' }];
    await ask('/rejects/reingest', { body: { receipts } });
    await ask('/replays?cursor=canary');
    const texts = await stored();
    expect(texts).toContainEqual(expect.objectContaining({ kind: 'ACT', asked: { receipts: 'p/4' } }));
    expect(JSON.stringify(texts)).not.toContain('canary');
  });
});

it.each(Object.keys(ROUTES) as RouteName[])('%s is recorded as its declaration says', async (route) => {
  const { method, path, scope } = ROUTES[route];
  const { ask } = openKit({ pipeline: createFakePipeline() });
  await (await ask(path.replaceAll(/:\w+/g, 'x'), { body: method === 'POST' ? {} : undefined })).text();
  const kinds = (await stored()).filter((record) => record.route === route).map(({ kind }) => kind);
  const expected = isAct(route) ? ['ACTED', 'ACT'] : ['READ'];
  expect(kinds).toEqual(isAudited(route) ? expected : []);
  if (scope === null) expect(kinds).toEqual([]);
});

describe('the audit', () => {
  it('is read by key, owner, route, value and time, and in pages of any size', async () => {
    const { ask, records, clock } = openKit();
    const paths = ['/timeline?entity_id=user_1', '/timeline?entity_id=user_2', '/replays', '/monitors', '/replays'];
    for (const [i, path] of paths.entries()) {
      clock.ms = START + i * 1_000;
      await ask(path, { key: i % 2 === 0 ? 'ops' : 'reader' });
    }
    const routes = async (query: string) =>
      (await records(query)).filter(({ route }) => route !== 'audit').map(({ route }) => route);
    expect(await routes('')).toEqual(['replays', 'monitors', 'replays', 'timeline', 'timeline']);
    expect(await routes('principal=reader')).toEqual(['monitors', 'timeline']);
    expect(await routes('owner=alice@shop.example&route=timeline')).toEqual(['timeline']);
    expect(await routes('value=user_2')).toEqual(['timeline']);
    expect(await routes('start_time=2026-01-01T12:00:01Z&end_time=2026-01-01T12:00:03Z')).toEqual([
      'replays',
      'timeline',
    ]);
    const whole = await store.list({ fromMs: 0, toMs: START * 2, limit: 1_000 });
    for (const limit of [1, 2, 3, 7]) {
      const lines: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await store.list({ fromMs: 0, toMs: START * 2, limit, cursor });
        lines.push(...page.items);
        cursor = page.next;
      } while (cursor !== null);
      expect(lines).toEqual(whole.items);
    }
  });

  it('shows expressions to nobody without the scope sensitive', async () => {
    const { ask, records } = openKit();
    const query = new URLSearchParams({ where: 'payload.email = "canary"' });
    await ask(`/search?${query}`);
    expect(JSON.stringify(await records('route=find'))).toContain('canary');
    expect(await records('route=find', 'reader')).toMatchObject([{ searched: { where: '•••' } }]);
  });

  it('is private, and outlives a crash: a line that is not whole is left out, and a new process writes a new file', async () => {
    const { ask } = openKit();
    await ask('/monitors');
    const [date = ''] = readdirSync(join(dir, 'audit', 'v1'));
    const [name = ''] = readdirSync(join(dir, 'audit', 'v1', date));
    const file = join(dir, 'audit', 'v1', date, name);
    expect(statSync(file).mode & 0o077).toBe(0);
    appendFileSync(file, '{"recorded_at":"2026');
    await store.close();
    await ask('/replays');
    expect((await stored()).map(({ route }) => route).sort()).toEqual(['monitors', 'replays']);
    expect(readdirSync(join(dir, 'audit', 'v1', date))).toHaveLength(2);
  });

  it('says how many of its lines were damaged', async () => {
    const { ask } = openKit();
    await store.append(['{"recorded_at":', '{"kind":"READ"}'], START);
    const page = (await (await ask('/audit')).json()) as AuditPage;
    expect(page).toMatchObject({ records: [], partial: true, notes: ['2 lines of the audit cannot be read'] });
  });

  it('keeps whole days for its retention', async () => {
    const { ask, records, clock, audit } = openKit();
    for (let day = 0; day < 5; day++) {
      clock.ms = START + day * MS_PER_DAY;
      await ask('/monitors');
    }
    await audit.expire();
    const dates = (await records('route=monitors')).map(({ recorded_at }) => recorded_at.slice(0, 10));
    expect(dates).toEqual(['2026-01-05', '2026-01-04', '2026-01-03']);
  });
});
