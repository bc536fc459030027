// The parts that need no server.
import { type Catalog, createProducer, KitError } from '@pik/sdk';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import { entityIdOfRoute, isEntityId } from '../src/entity-id.ts';
import { type Framework, Recorder, type RequestEventsOptions } from '../src/index.ts';
import { isSampled } from '../src/sampling.ts';
import { activeTrace, continueTrace } from '../src/trace.ts';

const API = Symbol.for('opentelemetry.js.api.1');
const global = globalThis as { [API]?: unknown };
afterEach(() => {
  delete global[API];
});

describe('options', () => {
  const producer = createProducer<Catalog>({ fetch: async () => new Response(), source: 's' });
  const framework = {} as Framework<unknown, unknown>;
  const wrong: Record<string, unknown>[] = [
    { producer: undefined },
    { producer: {} },
    { entity: 'user' },
    { skip: true },
    { map: {} },
    { sample: 2 },
    { sample: Number.NaN },
    { sample: '1' },
    { redact: 'a' },
    { redact: ['a..b'] },
    { redact: [''] },
    { redact: ['**.a.b'] },
    { redact: [7] },
    { reveal: {} },
    { capture: { bytesMax: 0 } },
    { capture: { bytesMax: 40_000 } },
    { capture: { requestHeaders: 'accept' } },
  ];
  for (const options of wrong)
    it(`that cannot be used are refused at once: ${JSON.stringify(options)}`, () => {
      const all = { producer, ...options } as RequestEventsOptions<Catalog, unknown, unknown>;
      expect(() => new Recorder(framework, all)).toThrow(
        expect.toSatisfy((error) => KitError.is(error) && error.code === 'CONFIG_INVALID'),
      );
    });
});

describe('traces', () => {
  const trace_id = '0af7651916cd43dd8448eb211c80319c';

  it('the active span takes precedence over the header, and a span without ids is ignored', () => {
    const span = { traceId: trace_id, spanId: 'b7ad6b7169203331', traceFlags: 1 };
    let current: unknown;
    global[API] = { context: { active: () => ({ getValue: () => current && { spanContext: () => current } }) } };
    expect(activeTrace()).toBeNull();
    current = span;
    expect(activeTrace()).toEqual({ trace_id, traceparent: `00-${trace_id}-b7ad6b7169203331-01` });
    current = { ...span, traceId: '0'.repeat(32) };
    expect(activeTrace()).toBeNull();
  });

  it('any header leads to a valid trace', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constant(undefined), fc.array(fc.string())), (header) => {
        const { trace_id: id, traceparent } = continueTrace(header);
        expect(traceparent).toMatch(new RegExp(`^00-${id}-[0-9a-f]{16}-[0-9a-f]{2}$`));
        expect(id).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      }),
      runs(100),
    );
  });

  it('ids do not repeat', () => {
    const ids = Array.from({ length: 5_000 }, () => continueTrace(undefined).traceparent);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('a sampling rate holds for random ids', () => {
    const kept = Array.from({ length: 4_000 }, () => isSampled(continueTrace(undefined).trace_id, 0.25));
    // Six standard deviations around a quarter.
    expect(Math.abs(kept.filter(Boolean).length - 1_000)).toBeLessThan(170);
  });
});

describe('entity ids (J13)', () => {
  it('every route has an entity id that the backend accepts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (route) => {
        expect(isEntityId(entityIdOfRoute(route))).toBe(true);
        if (isEntityId(route)) expect(entityIdOfRoute(route)).toBe(route);
      }),
      runs(100),
    );
    for (const bad of ['', ' ', 'a\u0000', 'a\u0085', '\udc00', 'é'.repeat(101), 7, null])
      expect(isEntityId(bad)).toBe(false);
    for (const good of ['user_1', 'é'.repeat(100), 'two words']) expect(isEntityId(good)).toBe(true);
  });
});
