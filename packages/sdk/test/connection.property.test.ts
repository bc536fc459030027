// URL and key are validated once, when a client is created, by one parser for all clients. A valid value can be sent,
// an invalid one is named, and no error shows a credential.
import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { withoutCredentials } from '@pik/schema/events';
import { createProducer, createRecordSender } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';
import { openOutbox } from '@pik/sdk/outbox';
import { runs } from '@pik/testkit/budget';
import { folder, tidyUp } from '@pik/testkit/fixtures/producer/children';
import { world } from '@pik/testkit/fixtures/producer/producer-world';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { targetOf } from '../src/connection/connection.ts';

const http = createRequire(import.meta.url)('node:http') as typeof import('node:http');

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

afterAll(tidyUp);

const url = 'http://kit.test';
const makers = { createProducer, createInvestigator, createRecordSender };

function faultOf(make: () => unknown): { code: string; path: string; message: string; text: string } | null {
  try {
    make();
    return null;
  } catch (error) {
    const { code, path, message } = error as { code: string; path: string; message: string };
    return { code, path, message, text: inspect(error, { depth: 9, showHidden: true }) };
  }
}

describe('a key', () => {
  it('is accepted if and only if it is valid in a header, and is never shown', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary', maxLength: 12 })), (apiKey) => {
        const fault = faultOf(() => targetOf({ url, apiKey }));
        if (fault === null) {
          const { authorization = '' } = targetOf({ url, apiKey }).headers;
          expect(authorization).toBe(`Bearer ${apiKey.trim()}`);
          http.validateHeaderValue('authorization', authorization);
          expect(new Headers({ authorization }).get('authorization')).toBe(authorization);
          return;
        }
        expect(fault).toMatchObject({ code: 'CONFIG_INVALID', path: '/apiKey' });
        expect(apiKey.trim()).not.toMatch(/^[!-~]+$/);
        if (apiKey.trim().length > 3) expect(fault.text).not.toContain(apiKey.trim());
      }),
      runs(100),
    );
  });

  it('is trimmed, as mounted files and pasted text need it', () => {
    for (const apiKey of ['pik_a1\n', ' pik_a1\r\n', '\u{feff}pik_a1', 'pik_a1\u00a0'])
      expect(targetOf({ url, apiKey }).headers).toEqual({ authorization: 'Bearer pik_a1' });
    expect(targetOf({ url }).headers).toEqual({});
  });

  it.each(Object.entries(makers))('%s refuses a key that cannot be sent', (_, make) => {
    for (const apiKey of ['', ' \n', 'pik_\u2013a1', 'pik a1', 'pik_\na1', 'Bearer pik_a1', 7 as never, null as never])
      expect(faultOf(() => make({ url, apiKey }))).toMatchObject({ code: 'CONFIG_INVALID', path: '/apiKey' });
  });

  it('is not shown by clients created with it', () => {
    const options = { url, apiKey: 'pik_never-shown' };
    for (const made of Object.values(makers).map((make) => make(options)))
      expect(inspect(made, { depth: 9, showHidden: true })).not.toContain('never-shown');
  });
});

describe('a URL', () => {
  it.each([
    ['http://127.0.0.1:4600', 'http://127.0.0.1:4600'],
    ['  https://Kit.Example.com/ \n', 'https://kit.example.com'],
    ['HTTPS://kit.example.com:443//', 'https://kit.example.com'],
    ['https://kit.example.com/stage/', 'https://kit.example.com/stage'],
    ['http://[::1]:4600', 'http://[::1]:4600'],
  ])('%j is the base %s', (given, base) => {
    expect(targetOf({ url: given }).base).toBe(base);
  });

  it.each(Object.entries(makers))('%s refuses an invalid base URL, and does not repeat it', (_, make) => {
    const wrong = [
      'kit.example.com',
      'localhost:4600',
      '//kit.example.com',
      '127.0.0.1:4600',
      'ftp://kit.example.com',
      'http://',
      'http://kit .example.com',
      'http://kit\n.example.com',
      'http://kit.example.com:99999',
      'https://joe:hunter2@kit.example.com',
      'https://hunter2@kit.example.com',
      'joe:hunter2@kit.example.com',
      'https://joe:hun/ter2@kit.example.com',
      'https://kit.example.com/?key=hunter2',
      'https://kit.example.com/#hunter2',
      'https://kit.example.com/?',
      'https://kit.example.com/ingest',
      'https://kit.example.com/stage/import/',
      '',
      7 as never,
      null as never,
    ];
    for (const given of wrong) {
      const fault = faultOf(() => make({ url: given }));
      expect(fault).toMatchObject({ code: 'CONFIG_INVALID', path: '/url' });
      expect(fault?.text).not.toMatch(/hunter2|ter2/);
    }
  });

  it('is optional with a custom fetch, but always validated', () => {
    const fetch = async () => new Response();
    expect(faultOf(() => createProducer({}))).toMatchObject({ path: '/url' });
    expect(faultOf(() => createProducer({ fetch }))).toBeNull();
    expect(faultOf(() => createProducer({ fetch, url: 'kit' }))).toMatchObject({ path: '/url' });
  });

  it('loses its credentials in any text', () => {
    const secret = fc.string({ unit: fc.constantFrom(...'abc:/?#%@'), minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(fc.string(), secret, fc.string(), (before, password, after) => {
        const shown = withoutCredentials(`${before} http://joe:Z${password}Z@proxy.test:8080 ${after}`);
        expect(shown).toContain('//…@proxy.test:8080');
        expect(shown).not.toContain(`Z${password}Z`);
      }),
      runs(100),
    );
  });
});

describe('a foreign error', () => {
  const broken = () => {
    throw new TypeError('no request can be made, not even to http://joe:hunter2@proxy.test');
  };

  it('pauses the producer: it is logged once, flush rejects, and the kept events are sent later', async () => {
    const outboxes = [{}, { outbox: await openOutbox({ dir: folder() }) }];
    for (const outbox of outboxes) {
      vi.stubGlobal('Request', broken);
      const { producer, emit, entries, requests } = world(undefined, { batchCountMax: 1, ...outbox });
      const sents = Array.from({ length: 20 }, () => emit());
      await expect(producer.flush()).rejects.toMatchObject({ code: 'SEND_FAILED' });
      await expect(producer.flush()).rejects.toMatchObject({ code: 'SEND_FAILED' });
      expect(producer.stats()).toMatchObject({ state: 'PAUSED', pending: 20, undelivered: 0 });
      const warned = entries.filter(({ level }) => level === 'warn');
      expect(warned).toEqual([expect.objectContaining({ event: 'paused', code: 'SEND_FAILED' })]);
      expect(inspect([entries, producer], { depth: 9 })).not.toContain('hunter2');
      expect(requests).toEqual([]);
      vi.unstubAllGlobals();
      await producer.flush();
      const results = await Promise.all(sents.map(({ result }) => result));
      expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['ACCEPTED']));
      await producer.close();
    }
  });

  it('of node:http has the same effect', async () => {
    const request = vi.spyOn(http, 'request').mockImplementation(broken);
    const producer = createProducer({ url: 'http://127.0.0.1:9', source: 's', log: () => {} });
    producer.emit('t', {}, { entity_id: 'e' });
    await expect(producer.flush()).rejects.toMatchObject({ code: 'SEND_FAILED' });
    expect(request).toHaveBeenCalled();
    expect(producer.stats()).toMatchObject({ state: 'PAUSED', pending: 1 });
    await producer.close();
    expect(producer.stats()).toMatchObject({ undelivered: 1, pending: 0 });
  });

  it('is thrown unchanged by an investigator, and is the outcome of a record sender', async () => {
    vi.stubGlobal('Request', broken);
    const fetch = async () => new Response();
    const asked = createInvestigator({ fetch }).getMetrics();
    const sent = createRecordSender({ fetch }).send(['{}']);
    for (const told of [asked.catch((cause: unknown) => cause), sent.then(([outcome]) => outcome)]) {
      const error = await told;
      expect(error).toMatchObject({ code: 'SEND_FAILED', retryable: false });
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2');
    }
  });
});
