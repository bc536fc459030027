import { describe, expect, it } from 'vitest';

import { pathBelowPrefix } from './base-path.ts';

describe('the path of an event', () => {
  it.each([
    [{ rawPath: '/ingest' }, '/ingest'],
    [{ rawPath: '/ingest', routeKey: 'ANY /ingest' }, '/ingest'],
    [{ rawPath: '/prod/ingest', routeKey: 'ANY /ingest', stage: 'prod' }, '/ingest'],
    [{ rawPath: '/prod', stage: 'prod' }, '/'],
    [{ rawPath: '/events-api/ingest', routeKey: 'ANY /ingest' }, '/ingest'],
    [{ rawPath: '/a/b/replays/1/cancel', routeKey: 'ANY /replays/{replay_id}/cancel' }, '/replays/1/cancel'],
    [{ rawPath: '/events-api/healthz' }, '/healthz'],
    [{ rawPath: '/events-api/healthz', routeKey: 'ANY /{proxy+}' }, '/healthz'],
    [{ rawPath: '/kit/receipts/abc/0' }, '/receipts/abc/0'],
    [{ rawPath: '/kit/reports/lag', stage: 'prod' }, '/reports/lag'],
    [{ rawPath: '/ui' }, '/ui'],
    [{ rawPath: '/ui/events/abc' }, '/ui/events/abc'],
    [{ rawPath: '/kit/ui/receipts/abc/0', stage: 'prod' }, '/ui/receipts/abc/0'],
    [{ rawPath: '/prod/ui/assets/main-A.js', stage: 'prod' }, '/ui/assets/main-A.js'],
    [{ rawPath: '' }, '/'],
    [{ rawPath: '/' }, '/'],
    [{ rawPath: '/production/ingest', stage: 'prod' }, '/ingest'],
  ])('of %j is %s', (facts, path) => {
    expect(pathBelowPrefix(facts)).toBe(path);
  });

  it.each(['/nothing', '/kit/', '/ingest/', '//timeline/x', '/kit/replays/', '/a/b/c/d/e/f/ingest'])(
    'that matches no route of the kit stays %s',
    (rawPath) => {
      expect(pathBelowPrefix({ rawPath })).toBe(rawPath);
    },
  );
});
