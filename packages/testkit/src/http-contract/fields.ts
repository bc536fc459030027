import { type Field, ROUTES, type Route, type RouteName } from '@pik/schema';
import { expect, it } from 'vitest';

import type { Asking } from './ask.ts';
import { callOf } from './calls.ts';

/** Values that a field rejects. */
function wrongValues({ kind, max = 0, values = [] }: Field): string[] {
  switch (kind) {
    case 'time':
      return ['2025-12-32', '2025-12-28T00:00:00', '2025-12-28 00:00:00Z', 'x', ''];
    case 'count':
      return ['0', '-5', 'abc', '1.5', '1e3', '', String(max + 1)];
    case 'switch':
      return ['1', 'yes', 'TRUE', ''];
    case 'choice':
      return ['nothing', ''];
    case 'list':
      return ['', 'entity_id', `${values[0]},nothing`];
    case 'text':
      return [''];
  }
}

const DECLARED = (Object.keys(ROUTES) as RouteName[]).filter((name) => 'fields' in ROUTES[name]);

/** Values that a field of a JSON body rejects. */
function wrongInJson({ kind, max = 0 }: Field): unknown[] {
  switch (kind) {
    case 'count':
      return ['1', 0, -5, 1.5, max + 1, null, []];
    case 'switch':
      return ['true', 1, null];
    case 'list':
      return ['x', [], [1], [null], {}, null];
    default:
      return ['', 1, null, ['x'], {}];
  }
}

const ACTIONS = (Object.keys(ROUTES) as RouteName[]).filter((name) => 'bodyFields' in ROUTES[name]);

/** Every action checks the declared fields of its body and rejects others. */
export function declaredBodies(ask: Asking): void {
  it.each(ACTIONS)('D38: %s refuses each wrong value in its body with the name of its field', async (name) => {
    const { bodyFields = {} }: Route = ROUTES[name];
    if (Object.keys(bodyFields).length === 0) return;
    const { path } = callOf(name, {});
    const refused = async (body: unknown, field: string) => {
      const { status, json } = await ask(path, { method: 'POST', body: JSON.stringify(body) });
      const expected = [422, 'REQUEST_INVALID', field === '' ? '' : `/${field}`];
      expect([body, status, json.code, json.path]).toEqual([body, ...expected]);
      expect(json.detail).toEqual(expect.any(String));
    };
    for (const [field, declared] of Object.entries(bodyFields)) {
      for (const value of wrongInJson(declared)) await refused({ [field]: value }, field);
      if (declared.isRequired) await refused({}, field);
    }
    await refused({ unknown: '1' }, Object.entries(bodyFields).find(([, one]) => one.isRequired)?.[0] ?? 'unknown');
    for (const body of [[], 'x', 1, null]) await refused(body, '');
  });
}

/** Every route checks its declared fields and rejects others. */
export function declaredFields(ask: Asking): void {
  it.each(DECLARED)('D38: %s refuses each wrong value with the name of its field', async (name) => {
    const { method, fields = {} }: Route = ROUTES[name];
    const refused = async (query: Record<string, string>, field: string) => {
      const { path, body } = callOf(name, query);
      const { status, json } = await ask(path, { method, ...(body === undefined ? {} : { body }) });
      expect([path, status, json.code, json.path]).toEqual([path, 422, 'REQUEST_INVALID', `/${field}`]);
      expect(json.detail).toEqual(expect.any(String));
    };
    for (const [field, declared] of Object.entries(fields))
      for (const value of wrongValues(declared)) await refused({ [field]: value }, field);
    await refused({ unknown: '1' }, 'unknown');
    if ('start_time' in fields && 'end_time' in fields)
      for (const end_time of ['2025-12-28T00:00:00Z', '2025-12-27T00:00:00Z'])
        await refused({ start_time: '2025-12-28T00:00:00Z', end_time }, 'start_time');
  });

  const paged = DECLARED.filter((name) => ['page', 'listing', 'stream'].includes(ROUTES[name].form));
  it.each(paged)('A10: %s refuses a cursor that it did not return', async (name) => {
    const other = Buffer.from('["x","y",1]').toString('base64url');
    for (const cursor of ['x', other, Buffer.from('{}').toString('base64url')]) {
      const { path } = callOf(name, { cursor });
      const { status, json } = await ask(path);
      expect([path, status, json.code]).toEqual([path, 400, 'CURSOR_INVALID']);
    }
  });
}
