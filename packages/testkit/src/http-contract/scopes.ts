import { ROUTES, type Route, type RouteName, SCOPES, type Scope } from '@pik/schema';
import { expect, it } from 'vitest';

import type { Asking } from './ask.ts';

/** How each route is called with something that it understands. A route that is missing here does not compile. */
const CALLS: Record<RouteName, { path: string; body?: string }> = {
  home: { path: '/' },
  ingest: { path: '/ingest', body: '{}' },
  import: { path: '/import', body: '{}' },
  event: { path: `/events/${'0'.repeat(47)}` },
  eventByKey: { path: '/events?entity_id=x&event_time=2025-12-28T00:00:00Z' },
  receipt: { path: '/receipts/01890a5d-ac96-774b-bcce-b302099a8057/0' },
  timeline: { path: '/timeline?entity_id=x' },
  selection: { path: '/selection?start_time=2025-12-28T00:00:00Z&end_time=2025-12-29T00:00:00Z' },
  metricList: { path: '/aggregates' },
  compute: { path: '/aggregates/compute?metric=daily_event_count&key=x&window_start=2025-12-28' },
  versions: { path: '/aggregates/versions?metric=daily_event_count&key=x' },
  explainChange: { path: '/aggregates/explain?metric=daily_event_count&key=x&window_start=2025-12-28&from=1&to=now' },
  replay: { path: '/replay', body: '{}' },
  replayCancel: { path: '/replays/01890a5d-ac96-774b-bcce-b302099a8057/cancel' },
  replays: { path: '/replays' },
  replayById: { path: '/replays/01890a5d-ac96-774b-bcce-b302099a8057' },
  deadLetters: { path: '/dead-letters' },
  redrive: { path: '/dead-letters/redrive', body: '{"message_ids":["none"]}' },
  lag: { path: '/reports/lag' },
  duplicates: { path: '/reports/duplicates' },
  completeness: { path: '/reports/completeness' },
  failures: { path: '/reports/failures' },
  gaps: { path: '/reports/gaps' },
  rejects: { path: '/rejects' },
  reingest: { path: '/rejects/reingest', body: '{}' },
  verify: { path: '/verify' },
  healthz: { path: '/healthz' },
  openapi: { path: '/openapi.json' },
  metrics: { path: '/metrics' },
};

/** Which key opens which route. */
export function scopes(ask: Asking, keyWith: (wanted: readonly Scope[]) => string): void {
  it.each(Object.entries(ROUTES) as [RouteName, Route][])(
    'G24: %s opens to its own scope and to no other',
    async (name, { scope, method }) => {
      const { path, body } = CALLS[name];
      const call = (key: string | null) => ask(path, { method, key, ...(body === undefined ? {} : { body }) });
      for (const held of SCOPES) {
        const { status, json } = await call(keyWith([held]));
        if (scope === null || scope === held) expect([401, 403]).not.toContain(status);
        else expect([status, json.code]).toEqual([403, 'FORBIDDEN']);
      }
      for (const key of [null, 'pik_wrong', '']) {
        const { status, headers } = await call(key);
        expect(status === 401).toBe(scope !== null);
        if (scope !== null) expect(headers.get('www-authenticate')).toContain('Bearer');
      }
    },
  );

  it.each(Object.entries(ROUTES) as [RouteName, Route][])(
    'G24: no other method opens %s without its scope',
    async (name, { scope, method }) => {
      const path = CALLS[name].path;
      for (const key of [null, keyWith(['import'])]) {
        const head = await ask(path, { method: 'HEAD', key });
        if (method === 'GET' && scope !== null) expect([401, 403]).toContain(head.status);
        else expect(head.status).toBe(method === 'GET' ? 200 : 405);
        const options = await ask(path, { method: 'OPTIONS', key });
        expect([options.status, options.text]).toEqual([204, '']);
        expect((await ask(path, { method: 'DELETE', key })).status).toBe(405);
      }
    },
  );
}
