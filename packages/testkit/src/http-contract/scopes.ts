import { ROUTES, type Route, type RouteName, type Scope, scopesOf } from '@pik/schema';
import { expect, it } from 'vitest';

import type { Asking } from './ask.ts';
import { callOf } from './calls.ts';
import { CONTRACT_KEYS } from './contract-keys.ts';

/** Tests which keys may use which routes. */
export function scopes(ask: Asking, keyWith: (wanted: readonly Scope[]) => string): void {
  it.each(Object.entries(ROUTES) as [RouteName, Route][])(
    'G24: %s opens to its own scopes and to no others',
    async (name, { method }) => {
      const needed = scopesOf(name);
      const isPublic = needed.length === 0;
      const { path, body } = callOf(name);
      const call = (key: string | null) => ask(path, { method, key, ...(body === undefined ? {} : { body }) });
      for (const held of CONTRACT_KEYS) {
        const { status, json } = await call(keyWith(held));
        if (needed.every((scope) => held.includes(scope))) expect([401, 403]).not.toContain(status);
        else expect([status, json.code]).toEqual([403, 'FORBIDDEN']);
      }
      for (const key of [null, 'pik_wrong', '']) {
        const { status, headers } = await call(key);
        expect(status === 401).toBe(!isPublic);
        if (!isPublic) expect(headers.get('www-authenticate')).toContain('Bearer');
      }
    },
  );

  it.each(Object.entries(ROUTES) as [RouteName, Route][])(
    'G24: no other method opens %s without its scope',
    async (name, { scope, method }) => {
      const { path } = callOf(name);
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
