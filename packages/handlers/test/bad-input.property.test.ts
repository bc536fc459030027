import { gzipSync } from 'node:zlib';
import { ERRORS, STATUSES } from '@pik/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { createPipeline } from '../src/create-pipeline.ts';
import { createApp } from '../src/http/app.ts';
import { silentTelemetry } from '../src/ports/telemetry.ts';
import { createMemoryBackend } from '../src/testing/memory-backend.ts';

// Bodies that no well-meaning client sends, and valid ones with some bytes changed. Whatever comes, the answer is either
// one with known statuses or a problem with a known code; never a 5xx, and never a changed prototype.

const BODIES = 20_000;

const VALID = '{"source":"s","event_type":"t","entity_id":"e","event_time":"2025-12-28T00:00:00Z","payload":{"a":[1,2,{"b":"c"}]}}';
const awkward = fc.constantFrom<unknown>(
  null, 0, -0, '', '\u0000', '\ud800', '__proto__', 1e308, true, [], {}, [[]], '2025-12-28', '2025-12-28T00:00:60Z', '9'.repeat(400), 'é'.repeat(300), '#', '../..', Number.MAX_SAFE_INTEGER,
);
const field = fc.constantFrom('source', 'event_type', 'entity_id', 'event_time', 'payload', 'idempotency_key', 'producer', 'identity', 'sent_at', 'received_at', 'specversion', 'data', '__proto__', 'constructor');
const objects = fc.array(fc.tuple(field, fc.oneof(awkward, fc.jsonValue({ maxDepth: 3 }))), { maxLength: 9 }).map((entries) => {
  const members = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value) ?? 'null'}`);
  return `{${members.join(',')}}`;
});
const mutated = fc.array(fc.tuple(fc.nat(VALID.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((changes) => {
  const bytes = Buffer.from(VALID);
  for (const [at, byte] of changes) bytes[at] = byte;
  return bytes;
});
const texts = fc.oneof(
  objects,
  fc.array(objects, { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
  fc.array(objects, { maxLength: 4 }).map((items) => items.join('\n')),
  fc.json(),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('', ' ', '[', ']', '{', '[[', '[,]', '[1,]', '{"a"', '"', '\ufeff{}', `${'['.repeat(5_000)}`, '{"a":'.repeat(2_000), `${VALID}${VALID}`, VALID.replace('1', '1e999'), VALID.replace('"c"', '"\\ud800"'), VALID.replace('"a"', '"b"').replace('[1', '9007199254740993,"b":[1')),
);
const body: fc.Arbitrary<Uint8Array> = fc.oneof(
  texts.map((text) => new Uint8Array(Buffer.from(text))),
  texts.map((text) => new Uint8Array(Buffer.from(text, 'utf16le'))),
  mutated.map((bytes) => new Uint8Array(bytes)),
  fc.uint8Array({ maxLength: 60 }),
);
const type = fc.constantFrom('application/json', 'application/json', 'application/x-ndjson', 'application/cloudevents+json', 'application/cloudevents-batch+json', 'text/plain', 'application/json; charset=utf-16', 'garbage');
const request = fc.record({
  path: fc.constantFrom('/ingest', '/ingest', '/import', '/ingest?dry_run=true'),
  body,
  type,
  encoding: fc.constantFrom('none', 'none', 'none', 'gzip', 'gzip-lie', 'br'),
});

test(`${BODIES} generated bodies get an answer or a problem with a known code, and never a 5xx`, async () => {
  const prototype = Object.getOwnPropertyNames(Object.prototype).join();
  const pipeline = createPipeline({ backend: createMemoryBackend() });
  const { fetch } = createApp({ pipeline, telemetry: silentTelemetry });
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ path, body: bytes, type: contentType, encoding }) => {
      const headers = new Headers({ 'content-type': contentType });
      if (encoding !== 'none') headers.set('content-encoding', encoding === 'br' ? 'br' : 'gzip');
      const sent = encoding === 'gzip' ? new Uint8Array(gzipSync(bytes)) : new Uint8Array(bytes);
      const response = await fetch(new Request(`http://pik.internal${path}`, { method: 'POST', headers, body: sent }));
      expect(response.status).toBeLessThan(500);
      const answer = (await response.json()) as { code?: string; status: string; results?: { status: string }[] };
      if (response.status === 200) {
        for (const { status } of answer.results ?? [answer]) expect(STATUSES).toContain(status);
      } else {
        expect(response.headers.get('content-type')).toContain('application/problem+json');
        expect(ERRORS).toHaveProperty(answer.code ?? '');
      }
      const outcome = answer.code ?? '200';
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    }),
    { numRuns: BODIES },
  );
  expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(prototype);
  // The generator is of use only as long as it reaches many different answers.
  expect(seen.size).toBeGreaterThan(10);
  await pipeline.close();
}, 300_000);
