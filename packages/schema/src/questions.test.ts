import { describe, expect, it } from 'vitest';

import { flagOf, payloadKind, QUESTIONS, ROUTES, type Route, toWire } from './index.ts';

interface Schema {
  readonly _zod: { readonly def: Readonly<Record<string, unknown>> };
}

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && '_zod' in value;

/** Whether a part of a schema is marked as a value of a payload. */
function showsPayload(schema: Schema): boolean {
  if (payloadKind(schema) !== null) return true;
  const parts = Object.values(schema._zod.def).flatMap((part) =>
    typeof part === 'object' && part !== null && !isSchema(part) ? Object.values(part) : [part],
  );
  return parts.some((part) => isSchema(part) && showsPayload(part));
}

const declared = (Object.entries(ROUTES) as [string, Route][]).flatMap(([name, route]) =>
  route.fields === undefined ? [] : [{ name, ...route, fields: route.fields }],
);

describe('declared questions', () => {
  it('each stand under their own name', () => {
    for (const [name, question] of Object.entries(QUESTIONS)) expect(question.name).toBe(name);
    const places = Object.values(ROUTES).map(({ method, path }) => `${method} ${path}`);
    expect(new Set(places).size).toBe(places.length);
  });

  it('have pages of lists that are in their answers, and a cursor that leads to the next', () => {
    for (const { pages, response, fields } of Object.values(QUESTIONS)) {
      const { shape } = (response as unknown as Schema)._zod.def as { shape: object };
      expect(Object.keys(shape)).toEqual(expect.arrayContaining([...pages, 'next_cursor']));
      expect(Object.keys(fields)).toEqual(expect.arrayContaining(['limit', 'cursor']));
    }
  });

  it.each(declared)('$name has an example and a flag of its own for each field', ({ fields }) => {
    const flags = Object.keys(fields).map(flagOf);
    expect(new Set(flags).size).toBe(flags.length);
    for (const { wire, example, doc } of Object.values(fields)) {
      expect(wire.safeParse(example).success).toBe(true);
      expect(doc).toMatch(/^[a-z"'].*[^.]$/);
    }
  });

  it.each(declared)(
    '$name says that it exposes payloads where its answer has some',
    ({ response, exposes, fields }) => {
      const shows = response !== undefined && showsPayload(response as unknown as Schema);
      if (shows) expect(exposes).toBe('payload');
      // A stream contains the received bytes as well.
      else if (exposes === 'payload') expect(fields).toHaveProperty('include');
    },
  );
});

describe('a selection', () => {
  it('crosses the wire as text: times in ISO, lists with commas, nothing where nothing is given', () => {
    expect(
      toWire({ start_time: new Date(0), end_time: '2h', by: ['source', 'day'], limit: 3, basis: undefined, on: false }),
    ).toEqual({ start_time: '1970-01-01T00:00:00.000Z', end_time: '2h', by: 'source,day', limit: '3', on: 'false' });
  });

  it('is called on the command line as people know it', () => {
    expect(['start_time', 'event_type', 'late_over_ms', 'by'].map(flagOf)).toEqual([
      '--from',
      '--type',
      '--late-over-ms',
      '--by',
    ]);
  });
});
