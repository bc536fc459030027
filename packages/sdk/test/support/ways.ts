import { problem, type ReceivedRequest, type ScriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';

const json = (value: unknown) => Response.json(value);

/** Every kind of response, by name. */
export const WAYS: Record<
  string,
  (request: ReceivedRequest, backend: ScriptedBackend) => Response | Promise<Response>
> = {
  accept: ({ lines }, backend) => backend.accept(lines),
  'a lost response': ({ lines }, backend) => {
    backend.accept(lines);
    throw new TypeError('socket closed');
  },
  'a truncated response': ({ lines }, backend) => {
    backend.accept(lines);
    return new Response('{"results":[{"event_id"');
  },
  'no connection': () => {
    throw new TypeError('connect ECONNREFUSED');
  },
  'no response': ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  'the page of a captive portal': () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
  'other JSON': () => json({ ok: true }),
  nothing: () => new Response(''),
  'results of another batch': ({ lines }) =>
    json({ results: lines.map((_, line) => ({ event_id: 'x'.repeat(47), status: 'ACCEPTED', line })) }),
  'results of some, by id': ({ lines }, backend) =>
    json({
      results: backend
        .resultsOf(lines)
        .filter((_, i) => i % 2 === 0)
        .reverse(),
    }),
  'results of some in their place': ({ lines }, backend) =>
    json({
      results: backend.resultsOf(lines).map((result, i) => (i % 2 === 0 ? result : { ...result, event_id: 'y' })),
    }),
  'more results than records': ({ lines }, backend) =>
    json({ results: [...backend.resultsOf(lines), { event_id: 'z', status: 'ACCEPTED' }] }),
  'an unknown status': ({ lines }, backend) =>
    json({
      results: backend
        .resultsOf(lines)
        .map((result, i) => (i % 3 === 0 ? { ...result, status: 'QUARANTINED' } : result)),
    }),
  'pending, all of it': ({ lines }, backend) =>
    json({ results: backend.resultsOf(lines).map((result) => ({ ...result, status: 'PENDING' })) }),
  'pending, some of it': ({ lines }, backend) =>
    json({
      results: backend.resultsOf(lines).map((result, i) => (i % 2 === 0 ? { ...result, status: 'PENDING' } : result)),
    }),
  rejected: ({ lines }) =>
    json({ results: lines.map((_, line) => ({ event_id: null, status: 'REJECTED', code: 'TIME_INVALID', line })) }),
  'too large together': ({ lines }, backend) =>
    lines.length > 1 ? problem(413, 'BODY_TOO_LARGE') : backend.accept(lines),
  'too large alone': () => new Response('<html>413</html>', { status: 413 }),
  'too many requests': () => new Response('', { status: 429, headers: { 'retry-after': '3' } }),
  'refused key': () => problem(401, 'UNAUTHENTICATED'),
  'refused by a proxy': () => new Response('<html>', { status: 403 }),
  'a final error': () => problem(422, 'REQUEST_INVALID'),
  'a body damaged in transit': () => problem(400, 'ENCODING_INVALID'),
  'an index that is down': () => problem(503, 'INDEX_UNAVAILABLE', { 'retry-after': '1' }),
  'a bad gateway': () => new Response('<html>502</html>', { status: 502 }),
  'a redirect': () => new Response('', { status: 302, headers: { location: 'http://elsewhere' } }),
};
