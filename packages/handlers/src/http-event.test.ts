import { describe, expect, it } from 'vitest';

import { foreignEvent, type HttpEvent, toRequest } from './http-event.ts';

const event = (rest: Partial<HttpEvent> = {}, method = 'POST'): HttpEvent => ({
  rawPath: '/ingest',
  rawQueryString: '',
  headers: {},
  isBase64Encoded: false,
  requestContext: { requestId: 'r', timeEpoch: 1, domainName: 'api.test', http: { method } },
  ...rest,
});

describe('the request of an event', () => {
  it('has the bytes that the caller sent, and their length even if the event states another', async () => {
    const text = 'é\u{1f600}';
    const base64 = Buffer.of(0, 255, 10).toString('base64');
    for (const [rest, bytes] of [
      [{ body: text }, Buffer.from(text)],
      [{ body: base64, isBase64Encoded: true }, Buffer.of(0, 255, 10)],
      [{ body: '' }, Buffer.alloc(0)],
    ] as const) {
      const request = toRequest(event({ ...rest, headers: { 'content-length': '999' } }));
      expect(Buffer.from(await request.arrayBuffer())).toEqual(bytes);
      expect(request.headers.get('content-length')).toBe(String(bytes.length));
    }
  });

  it('does not reveal how its body reached the gateway', () => {
    const headers = { 'Transfer-Encoding': 'chunked', 'Content-Type': 'application/json' };
    const request = toRequest(event({ headers, body: '{}' }));
    expect(request.headers.has('transfer-encoding')).toBe(false);
    expect(request.headers.get('content-type')).toBe('application/json');
    expect(request.headers.get('content-length')).toBe('2');
  });

  it.each(['GET', 'HEAD'])('has no body if the method is %s', (method) => {
    const request = toRequest(event({ body: 'x', headers: { 'content-length': '1' } }, method));
    expect(request.body).toBeNull();
    expect(request.method).toBe(method);
    expect(request.headers.get('content-length')).toBe('1');
  });

  it('has no body if the event has none', () => {
    const request = toRequest(event());
    expect(request.body).toBeNull();
    expect(request.headers.has('content-length')).toBe(false);
  });

  it('drops invalid headers and keeps all others', () => {
    const headers = { good: 'a, b', bad: 'a\nb', absent: undefined, 'no name': 'x', last: '1' };
    expect([...toRequest(event({ headers })).headers]).toEqual([
      ['good', 'a, b'],
      ['last', '1'],
    ]);
  });

  it('has the address of the event, below the stage', () => {
    const requestContext = { ...event().requestContext, stage: 'prod' };
    const { url } = toRequest(event({ rawPath: '/prod/ingest', rawQueryString: 'a=1%202&b=', requestContext }));
    expect(url).toBe('https://api.test/ingest?a=1%202&b=');
    const { domainName: _, ...rest } = event().requestContext;
    expect(new URL(toRequest(event({ requestContext: rest })).url).hostname).toBe('lambda');
  });

  it('is refused if its method is invalid in a request', () => {
    expect(() => toRequest(event({}, 'TRACE'))).toThrow(TypeError);
  });
});

describe('an event that is not a request', () => {
  const { requestContext } = event();

  it('is any event other than payload format 2.0, and is explained', () => {
    expect(foreignEvent(event())).toBeNull();
    expect(foreignEvent({ httpMethod: 'GET', path: '/', requestContext: {} })).toMatchObject({
      isHttp: true,
      text: expect.stringContaining('1.0'),
    });
    const others = [
      null,
      undefined,
      5,
      {},
      { source: 'aws.events' },
      { ...event(), rawPath: undefined },
      { ...event(), requestContext: { ...requestContext, http: undefined } },
      { ...event(), requestContext: { ...requestContext, timeEpoch: '1' } },
      { ...event(), requestContext: undefined },
    ];
    for (const other of others) expect(foreignEvent(other)).toMatchObject({ isHttp: false });
  });
});
