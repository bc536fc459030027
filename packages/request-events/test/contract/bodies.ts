import { afterEach, expect, it } from 'vitest';

import { get, type Options, world as open, type StartService, type World } from '../support/service.ts';

const URL_ENCODED = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data; boundary=x';

/** The captured request bodies: JSON, and forms if enabled. */
export function describeBodies(start: StartService): void {
  let world: World;
  afterEach(() => world.close());

  async function captured(capture: NonNullable<Options['capture']>, type: string, body: string) {
    world = await open(start, { capture });
    const headers = { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) };
    const { status } = await get({ port: world.port, path: '/echo', method: 'POST', headers, body });
    expect(status).toBe(200);
    const [payload] = await world.requests(1);
    expect(JSON.stringify(payload)).not.toMatch(/sesame|FILE/);
    return payload?.request_body;
  }

  const form = 'title=holiday&password=open-sesame&user[card]=4111';
  // The stand-in for a multipart parser in the services of this suite reads it as JSON.
  const parts = JSON.stringify({ title: 'holiday', password: 'open-sesame', photo: { file: 'PRIVATE FILE' } });

  it('`requestBody` captures JSON of every JSON content type, and nothing else', async () => {
    for (const type of ['application/json', 'application/json; charset=utf-8', 'application/merge-patch+json']) {
      expect(await captured({ requestBody: true }, type, '{"a":1,"password":"open-sesame"}')).toEqual({
        a: 1,
        password: '[redacted]',
      });
      await world.close();
    }
    expect(await captured({ requestBody: true }, 'text/plain', 'a=1')).toBeUndefined();
  });

  it('`requestBody` captures no form: form parsers create objects for files and for details of a field', async () => {
    expect(await captured({ requestBody: true }, URL_ENCODED, form)).toBeUndefined();
    await world.close();
    expect(await captured({ requestBody: true }, MULTIPART, parts)).toBeUndefined();
  });

  it('`forms` captures the fields of forms: redacted, files cut', async () => {
    expect(await captured({ forms: true }, URL_ENCODED, form)).toMatchObject({
      title: 'holiday',
      password: '[redacted]',
    });
    await world.close();
    expect(await captured({ forms: true }, MULTIPART, parts)).toEqual({
      title: 'holiday',
      password: '[redacted]',
      photo: '[cut]',
    });
    await world.close();
    expect(await captured({ forms: true }, 'application/json', '{"a":1}')).toBeUndefined();
  });

  it('forms are bounded like all other fields', async () => {
    const many = Array.from({ length: 2_000 }, (_, i) => `field${i}=${'x'.repeat(20)}`).join('&');
    const body = await captured({ forms: true, bytesMax: 500 }, URL_ENCODED, many.slice(0, 20_000));
    expect(JSON.stringify(body).length).toBeLessThan(700);
    expect(Object.keys(body ?? {}).length).toBeGreaterThan(5);
  });
}
