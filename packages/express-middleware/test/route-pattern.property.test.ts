// Routers nested in routers and applications at random: the pattern of a route is the declared one, and never contains
// a path segment that a parameter matched. Both versions of Express, with their own routing.
import { createRequire } from 'node:module';
import { runs } from '@pik/testkit/budget';
import express, { type Request } from 'express';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type AppLike, routePattern } from '../src/route-pattern.ts';

const express4 = createRequire(import.meta.url)('express4') as typeof express;

/** Sends a path through an application; returns the pattern of the route that answered. */
function ask(app: express.Express, url: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const seen = (request: Request) =>
      resolve(
        request.route === undefined
          ? null
          : routePattern(
              { app: request.app as unknown as AppLike, outer: app as unknown as AppLike },
              request.route,
              url,
            ),
      );
    const request = Object.assign(Object.create(app.request), { method: 'GET', url, originalUrl: url, headers: {} });
    const response = { setHeader() {}, end: () => seen(request) };
    const handle = app as unknown as (request: unknown, response: unknown, next: (error?: unknown) => void) => void;
    try {
      handle(request, response, () => seen(request));
    } catch (error) {
      reject(error);
    }
  });
}

type Step = { text: string; value: string };
const fixed = fc.constantFrom('shops', 'orders', 'v1', 'a-b', '42', 'pik', 'en').map((text) => ({ text, value: text }));
const parameter = fc.record({
  text: fc.constantFrom(':shop', ':order', ':id', ':lang'),
  value: fc.constantFrom('berlin', '42', 'orders', 'alice@example.org', '3f2b-77', 'a%20b', 'en'),
});
const mount = fc.array(fc.oneof(fixed, parameter), { maxLength: 3 });
/** From the outermost mount to the route, with how each is mounted, and how the route ends. */
const tree = fc.record({
  mounts: fc.array(fc.record({ steps: mount, as: fc.constantFrom('router', 'app') }), { maxLength: 4 }),
  route: mount,
  fails: fc.boolean(),
});

const textOf = (steps: Step[]) => steps.map(({ text }) => `/${text}`).join('');
const pathOf = (steps: Step[]) => steps.map(({ value }) => `/${encodeURI(value)}`).join('');

function uniqueNames(steps: Step[]): Step[] {
  return steps.map((step, i) => (step.text.startsWith(':') ? { ...step, text: `${step.text}${i}` } : step));
}

for (const [name, module] of [
  ['Express 4', express4],
  ['Express 5', express],
] as const)
  describe(name, () => {
    it('the pattern is the declared one, with every mount, also after an error', async () => {
      await fc.assert(
        fc.asyncProperty(tree, async ({ mounts, route, fails }) => {
          // After an error Express has left the applications on the way.
          const usable = mounts.map(({ steps, as }) => ({ steps: uniqueNames(steps), as: fails ? 'router' : as }));
          const own = uniqueNames(route);
          let inner: express.Router | express.Express = module.Router();
          inner.get(textOf(own) || '/', (_request, response, next) => {
            if (fails) next(new Error('failed'));
            else response.end();
          });
          for (const { steps, as } of usable.toReversed()) {
            const outer = as === 'app' ? module() : module.Router();
            outer.use(textOf(steps) || '/', inner);
            inner = outer;
          }
          const app = module();
          app.use(inner);
          app.use((_e: unknown, _r: Request, response: express.Response, _n: unknown) => void response.end());
          const all = [...usable.flatMap(({ steps }) => steps), ...own];
          const expected = textOf(all) || '/';
          const path = pathOf(all) || '/';
          // Express does not report the parent of an application that a router mounts; the mounts above it may stay
          // unknown.
          const isHidden = usable.some(({ as }, i) => as === 'app' && usable[i - 1]?.as === 'router');
          const first = await ask(app, path);
          if (!isHidden || !first?.startsWith('/*')) expect(first).toBe(expected);
          else expect(expected.endsWith(first === '/*' ? '' : first.slice(2))).toBe(true);
          // Once more, from the cache.
          expect(await ask(app, path)).toBe(first);
        }),
        runs(300),
      );
    });

    it('mounts by an expression, by several paths, twice, and within an application', async () => {
      const orders = module.Router({ mergeParams: true });
      orders.get('/:order', (_, response) => void response.end());
      const app = module();
      app.use(/^\/legacy\/[0-9]+/, orders);
      app.use(['/one', '/two/:two'], orders);
      app.use('/three/:three', orders);
      const shop = module();
      shop.get('/about', (_, response) => void response.end());
      app.use(['/shop/:shop', '/store'], shop);
      expect(await ask(app, '/legacy/4711/9')).not.toContain('4711');
      expect(await ask(app, '/one/9')).toBe('/one/:order');
      expect(await ask(app, '/two/alice/9')).toBe('/two/:two/:order');
      expect(await ask(app, '/three/bob/9')).toBe('/three/:three/:order');
      expect(await ask(app, '/two/carol/9')).toBe('/two/:two/:order');
      expect(await ask(app, '/shop/dave/about')).toBe('/shop/:shop/about');
      expect(await ask(app, '/store/about')).toBe('/store/about');
    });

    it('an opaque mount is a star, never the received path', async () => {
      const inner = module.Router();
      inner.get('/:order', (_, response) => void response.end());
      const app = module();
      app.use('/people/:person', (request, response, next) => inner(request, response, next));
      expect(await ask(app, '/people/alice/9?a=/b')).toBe('/*/:order');
    });

    it('routes by an expression or by several paths say so', async () => {
      const app = module();
      app.get(/^\/fly(\d+)$/, (_, response) => void response.end());
      app.get(['/a', '/b'], (_, response) => void response.end());
      expect(await ask(app, '/fly7')).toBe(String(/^\/fly(\d+)$/));
      expect(await ask(app, '/a')).toBe('/a|/b');
      expect(await ask(app, '/none')).toBeNull();
    });
  });
