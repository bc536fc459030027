import {
  ERRORS,
  type ErrorCode,
  ingestBatchSchema,
  ingestResultSchema,
  problemSchema,
  REJECT_CODES,
  ROUTES,
} from '@pik/schema';
import { createMemoryBackend } from '@pik/testkit';
import { fixedRuns, runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { createApp } from '../../src/http/create-app.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';
import { type BadRequest, badRequest } from '../support/bad-input.ts';
import { verifyAll } from '../support/verified.ts';

// Any input gets an answer with known statuses or a problem with a known code; never a 5xx, and never a changed
// prototype. Stored bodies are kept byte for byte, and in the end log and index agree on every receipt.

const ORIGIN = 'http://pik.internal';

/** Number of answers by code or status, so that a generator that no longer reaches one of them is noticed. */
type Seen = Map<string, number>;

const note = (seen: Seen, name: string, count = 1) => seen.set(name, (seen.get(name) ?? 0) + count);

const prototypes = () =>
  [Object, Array, String, Number, Function, Promise, Map]
    .map(({ prototype }) => Object.getOwnPropertyDescriptors(prototype))
    .map((all) => Object.keys(all).join());

/** The problem of an answer, checked against the table of errors. */
async function readProblem(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = problemSchema.parse(await response.json());
  expect(Object.keys(ERRORS)).toContain(problem.code);
  expect(response.status).toBe(ERRORS[problem.code as ErrorCode].status);
  return problem;
}

async function checkAnswer(
  pipeline: Pipeline,
  request: BadRequest,
  { response, seen }: { response: Response; seen: Seen },
): Promise<void> {
  expect(response.status).toBeLessThan(500);
  if (response.status !== 200) {
    const { code, raw_key, line } = await readProblem(response);
    note(seen, code);
    if (raw_key === undefined) return;
    note(seen, 'receipts');
    const pack_id = /([^/]+)\.ndjson\.gz$/.exec(raw_key)?.[1] as string;
    const { body } = await pipeline.receipt({ pack_id, line: line as number });
    expect(Buffer.compare(body, request.body)).toBe(0);
    return;
  }
  const answer = (await response.json()) as { results?: unknown };
  const { results } =
    'results' in answer ? ingestBatchSchema.parse(answer) : { results: [ingestResultSchema.parse(answer)] };
  for (const [i, { status, code, raw_key, line }] of results.entries()) {
    note(seen, status);
    if (code !== undefined) note(seen, code);
    if (raw_key !== null) note(seen, 'receipts');
    // Each request is the only one of its pack.
    expect(line).toBe(raw_key === null ? null : i);
  }
}

async function countVerified(pipeline: Pipeline): Promise<number> {
  const { receipts, faults } = await verifyAll(pipeline);
  expect(faults).toEqual([]);
  return receipts;
}

test(`bodies get an answer or a problem with a known code, never a 5xx, and stored bodies are kept byte for byte`, async () => {
  const before = prototypes();
  const pipeline = createPipeline({ backend: createMemoryBackend() });
  const app = createApp({ pipeline, telemetry: silentTelemetry });
  const seen: Seen = new Map();
  const answered = fc.asyncProperty(badRequest, async (request) => {
    const { path, type, encoding, wire } = request;
    const headers = { 'content-type': type, ...(encoding === null ? {} : { 'content-encoding': encoding }) };
    const response = await app.fetch(new Request(ORIGIN + path, { method: 'POST', headers, body: wire }));
    await checkAnswer(pipeline, request, { response, seen });
  });
  await fc.assert(answered, fixedRuns(2_000));
  const reachedCodes = [...seen.keys()];
  await fc.assert(answered, runs(18_000));
  expect(prototypes()).toEqual(before);
  const reached = [
    'ACCEPTED',
    'DUPLICATE',
    'CONFLICT',
    'BODY_EMPTY',
    'REQUEST_INVALID',
    'EVENT_TOO_LARGE',
    'TOO_MANY_EVENTS',
  ];
  const transport = ['MEDIA_TYPE_UNSUPPORTED', 'ENCODING_UNSUPPORTED', 'ENCODING_INVALID'];
  // Only deliveries of webhooks are signed; test/http/hooks.test.ts has their codes.
  const codes = Object.keys(REJECT_CODES).filter((code) => !code.startsWith('SIGNATURE_'));
  expect(reachedCodes).toEqual(expect.arrayContaining([...reached, ...transport, ...codes]));
  expect(await countVerified(pipeline)).toBe(seen.get('receipts'));
  await pipeline.close();
});

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }).map((raw) => encodeURIComponent(raw.toWellFormed())),
  fc.constantFrom(
    '',
    '%',
    '%00',
    '%ff',
    '%ED%A0%80',
    '%2F..%2F',
    '__proto__',
    'constructor',
    '2025-12-28T00:00:00Z',
    '2025-12-28',
    '0',
    '-1',
    '1e9',
    '999999999',
    'true',
    'source,day',
    'x'.repeat(9_000),
  ),
);
const names = [
  'entity_id',
  'source',
  'event_type',
  'key',
  'event_time',
  'start_time',
  'end_time',
  'as_of',
  'limit',
  'cursor',
  'by',
  'basis',
  'include',
  'include_imported',
  'late_over_ms',
];
const query = fc.array(
  fc.tuple(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: text }), text),
  { maxLength: 4 },
);
const path = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(fc.constantFrom(...Object.values(ROUTES).map((route) => route.path as string)), text)
      .map(([pattern, part]) => pattern.replace(/:\w+/g, () => part || '0')),
  },
  { weight: 1, arbitrary: text.map((part) => `/${part}`) },
);
const method = fc.oneof(
  { weight: 9, arbitrary: fc.constant('GET') },
  { weight: 1, arbitrary: fc.constantFrom('POST', 'HEAD', 'OPTIONS', 'PUT', 'constructor', '__proto__') },
);

test(`URLs get an answer or a problem with a known code, and never a 5xx`, async () => {
  const before = prototypes();
  const pipeline = createPipeline({ backend: createMemoryBackend() });
  const app = createApp({ pipeline, telemetry: silentTelemetry });
  const seen: Seen = new Map();
  const answered = fc.asyncProperty(path, query, method, async (pathname, pairs, verb) => {
    const search = pairs.map(([name, value]) => `${name}=${value}`).join('&');
    const response = await app.fetch(
      new Request(`${ORIGIN}${pathname.replace(/^\/+/, '/')}?${search}`, { method: verb }),
    );
    expect(response.status).toBeLessThan(500);
    note(seen, response.status < 400 || verb === 'HEAD' ? String(response.status) : (await readProblem(response)).code);
  });
  await fc.assert(answered, fixedRuns(700));
  const reached = [...seen.keys()];
  await fc.assert(answered, runs(5_300));
  expect(prototypes()).toEqual(before);
  expect(reached).toEqual(
    expect.arrayContaining(['200', '204', 'NOT_FOUND', 'METHOD_NOT_ALLOWED', 'REQUEST_INVALID', 'CURSOR_INVALID']),
  );
  await pipeline.close();
});
