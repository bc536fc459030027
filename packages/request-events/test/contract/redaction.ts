import { afterEach, expect, it } from 'vitest';

import { type Options, world as open, type StartService, type World } from '../support/service.ts';

const CANARY = 'c4n4ry';
const BEARER = `Bearer ${CANARY}.tok.en`;
const JWT = `eyJhbGciOiJIUzI1NiJ9.${CANARY}eyJzdWIiOiIxIn0.sig${CANARY}`;
/** Places of credentials in requests: headers, queries, URLs nested in queries, bodies, names. */
const HEADERS = {
  authorization: BEARER,
  'proxy-authorization': `Basic ${CANARY}`,
  cookie: `sid=${CANARY}; theme=dark`,
  'x-api-key': CANARY,
  'x-amz-security-token': CANARY,
  'x-forwarded-authorization': CANARY,
  'x-note': `see ${JWT}, or ${BEARER}`,
  referer: `https://bob:${CANARY}@shop.example/?access_token=${CANARY}&next=https%3A%2F%2Fx%3F%2574oken%3D${CANARY}#id_token=${CANARY}`,
  'x-original-url': `/a?api-key=${CANARY}&page=2`,
};
const QUERY = `page=2&token=${CANARY}&%74oken=${CANARY}&Access-Token=${CANARY}&code=${CANARY}&sig=${CANARY}&back=${encodeURIComponent(`/x?secret=${CANARY}`)}&list=1&list=2`;
const BODY = {
  user: 'bob',
  password: CANARY,
  nested: [{ Client_Secret: CANARY, deep: { 'x-csrf': { token: CANARY } } }],
  text: `{"refresh_token": "${CANARY}", "n": 1}`,
  [`token=${CANARY}`]: 1,
  link: `https://x/?session=${CANARY}`,
};
const EVERYTHING: Options['capture'] = {
  requestHeaders: true,
  responseHeaders: true,
  query: true,
  requestBody: true,
  responseBody: true,
  clientIp: true,
};

/** Security rows 11 and 24 of the catalogue of faults: which values may leave the process, and which never do. */
export function describeRedaction(start: StartService): void {
  let world: World;
  afterEach(() => world.close());
  const post = () =>
    world.get(`/echo?${QUERY}`, {
      method: 'POST',
      headers: { ...HEADERS, 'content-type': 'application/json' },
      body: JSON.stringify(BODY),
    } as object);

  it("by default only the route and the protocol's counts leave", async () => {
    world = await open(start);
    expect((await post()).status).toBe(200);
    const [event] = await world.events(1);
    expect(JSON.stringify(event)).not.toMatch(new RegExp(`${CANARY}|bob|shop\\.example|page|dark`, 'i'));
    expect(Object.keys(event?.payload ?? {})).toHaveLength(9);
  });

  it('with everything captured, no credential leaves: no header, cookie, token, query secret or member of a body', async () => {
    world = await open(start, { capture: EVERYTHING });
    const answer = await post();
    expect(answer.headers['set-cookie']?.join()).toContain('session');
    const [payload] = await world.requests(1);
    expect(JSON.stringify(payload)).not.toContain(CANARY);
    expect(JSON.stringify(payload)).not.toContain('setbyservice');
    // Values that are not secrets are present.
    expect(payload).toMatchObject({
      query: { page: '2', list: ['1', '2'], token: '[redacted]' },
      request_headers: { authorization: '[redacted]', 'content-type': 'application/json' },
      response_headers: { 'set-cookie': '[redacted]' },
      request_body: { user: 'bob', password: '[redacted]' },
      response_body: { user: 'bob' },
      client_ip: expect.stringContaining('127.0.0.1'),
    });
  });

  it('fields from a map are redacted like all others', async () => {
    const map: Options['map'] = (payload, { headers }) => ({ ...payload, headers: { ...headers }, seen: BEARER });
    world = await open(start, { map });
    await post();
    const [payload] = await world.requests(1);
    expect(JSON.stringify(payload)).not.toContain(CANARY);
    expect(payload).toMatchObject({ headers: { 'content-type': 'application/json' } });
  });

  it('a path redacts the named value, in every field and in the result of a map; a star matches any member', async () => {
    const redact = ['query.page', 'request_body.nested.*.deep', '**.user', 'method', 'extra.a.b', 'client_ip'];
    const map: Options['map'] = (payload) => ({ ...payload, extra: { a: { b: 'gone', c: 'here' } } });
    world = await open(start, { capture: EVERYTHING, redact, map });
    await post();
    const [payload] = await world.requests(1);
    expect(payload).toMatchObject({
      method: '[redacted]',
      query: { page: '[redacted]', list: ['1', '2'] },
      request_body: { user: '[redacted]', nested: [{ deep: '[redacted]' }] },
      response_body: { user: '[redacted]' },
      extra: { a: { b: '[redacted]', c: 'here' } },
    });
    expect(payload).toMatchObject({ client_ip: '[redacted]' });
  });

  it('a revealed name stays, spelled exactly', async () => {
    world = await open(start, { capture: { query: true }, reveal: ['code'] });
    await world.get('/hello/1?code=DE&Code=x');
    expect(await world.requests(1)).toMatchObject([{ query: { code: 'DE', Code: '[redacted]' } }]);
  });

  it('a list of headers captures only these; each field is bounded', async () => {
    const capture = { requestHeaders: ['accept', 'X-Long'], requestBody: true, responseBody: true, bytesMax: 500 };
    world = await open(start, { capture });
    const body = JSON.stringify({ rows: Array.from({ length: 100 }, (_, i) => ({ i, text: 'é\u0001'.repeat(40) })) });
    await world.get('/echo', {
      method: 'POST',
      headers: { 'x-long': 'a'.repeat(4_000), accept: '*/*', 'x-other': '1', 'content-type': 'application/json' },
      body,
    } as object);
    const [payload] = await world.requests(1);
    expect(Object.keys(payload?.request_headers ?? {})).toEqual(['accept', 'x-long']);
    // The last text may exceed the bound by its own size, which is bounded too.
    expect(JSON.stringify(payload?.request_headers).length).toBeLessThan(700);
    expect(Buffer.byteLength(JSON.stringify(payload?.request_body))).toBeLessThan(1_200);
    // A truncated body cannot be parsed, so nothing in it could be redacted by name.
    expect(payload).not.toHaveProperty('response_body');
  });

  it('bodies that are not JSON are not captured', async () => {
    world = await open(start, { capture: EVERYTHING });
    await world.get('/stream');
    await world.get('/echo-text', {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'some text',
    } as object);
    for (const payload of await world.requests(2)) {
      expect(payload).not.toHaveProperty('request_body');
      expect(payload).not.toHaveProperty('response_body');
    }
  });

  it('S18, S22: hostile headers and queries cost no time and break nothing', async () => {
    world = await open(start, { capture: EVERYTHING });
    const hostile = ['a'.repeat(7_000), '?a='.repeat(2_000), '"x":"'.repeat(1_200), `${'eyJ'.repeat(2_000)}.`];
    for (const text of hostile) {
      const path = `/hello/1?q=${encodeURIComponent(text.slice(0, 2_000))}&${'%'.repeat(30)}=%`;
      expect((await world.get(path, { headers: { 'x-hostile': text } })).status).toBe(200);
    }
    expect(await world.requests(hostile.length)).toHaveLength(hostile.length);
    expect(world.service.stats()).toMatchObject({ failed: 0, callback_errors: 0 });
  });
}
