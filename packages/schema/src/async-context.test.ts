import { AsyncLocalStorage } from 'node:async_hooks';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { callerContext, provideAsyncResource, runOutside, runOwnWork } from './async-context.ts';
import { setOwnImmediate, setOwnTimeout } from './own-timers.ts';

const API = Symbol.for('opentelemetry.js.api.1');
const store = new AsyncLocalStorage<string>();
const seenIn = (start: (done: () => void) => void) =>
  new Promise<string | undefined>((resolve) => start(() => resolve(store.getStore())));

afterEach(() => {
  vi.resetModules();
  vi.unstubAllGlobals();
});

describe('a context of a caller', () => {
  it('is entered again by any caller, with its arguments, its result and its exception', () => {
    const context = store.run('mine', callerContext);
    store.run('another', () => {
      expect(context.runInAsyncScope((a: number, b: number) => [store.getStore(), a + b], undefined, 1, 2)).toEqual([
        'mine',
        3,
      ]);
      expect(() =>
        context.runInAsyncScope(() => {
          throw new Error('own');
        }, undefined),
      ).toThrow('own');
      expect(store.getStore()).toBe('another');
    });
  });

  it('is empty outside, and own timers start there', async () => {
    await store.run('request', async () => {
      expect(runOutside(() => store.getStore())).toBeUndefined();
      expect(runOwnWork(() => store.getStore())).toBeUndefined();
      expect(await seenIn((done) => setOwnTimeout(done, 0))).toBeUndefined();
      expect(await seenIn(setOwnImmediate)).toBeUndefined();
      expect(store.getStore()).toBe('request');
    });
  });

  it('outside belongs to no request, even if the module is loaded within one', async () => {
    vi.resetModules();
    const fresh = await store.run('first request', () => import('./async-context.ts'));
    expect(fresh.runOutside).not.toBe(runOutside);
    expect(fresh.runOutside(() => store.getStore())).toBeUndefined();
    expect(store.run('later request', () => fresh.runOutside(() => store.getStore()))).toBeUndefined();
  });

  it('is unavailable in a host without async contexts, and works if the module is provided later', async () => {
    vi.resetModules();
    vi.stubGlobal('process', { ...process, getBuiltinModule: undefined });
    const bare = await import('./async-context.ts');
    const direct = store.run('mine', bare.callerContext);
    store.run('another', () => {
      expect(direct.runInAsyncScope(() => store.getStore(), undefined)).toBe('another');
      expect(bare.runOwnWork(() => store.getStore())).toBe('another');
    });
    const { AsyncResource } = await import('node:async_hooks');
    store.run('another', () => {
      bare.provideAsyncResource(AsyncResource);
      expect(bare.runOwnWork(() => store.getStore())).toBeUndefined();
    });
  });

  it('is left by own work even if a tracer fails, and an error of the work is thrown once', () => {
    const broken = () => {
      throw new Error('tracer');
    };
    const context = { setValue: () => context, deleteValue: () => context };
    const runs: (string | undefined)[] = [];
    for (const api of [
      { active: broken, with: broken },
      { active: () => context, with: broken },
      { active: () => context, with: (_: unknown, run: () => unknown) => run() },
    ]) {
      Object.assign(globalThis, { [API]: { context: api } });
      store.run('request', () => runOwnWork(() => runs.push(store.getStore())));
      const own = () => {
        runs.push('thrown');
        throw new Error('own');
      };
      expect(() => runOwnWork(own)).toThrow('own');
    }
    Reflect.deleteProperty(globalThis, API);
    expect(runs).toEqual([undefined, 'thrown', undefined, 'thrown', undefined, 'thrown']);
  });

  it('keeps its first module, whatever is provided later', () => {
    provideAsyncResource(
      class {
        runInAsyncScope(): never {
          throw new Error('never used');
        }
      },
    );
    expect(store.run('mine', () => runOutside(() => store.getStore()))).toBeUndefined();
  });
});
