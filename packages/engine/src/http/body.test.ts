import { gzipSync } from 'node:zlib';

import { KitError, LIMITS } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { readBody } from './body.ts';
import { bodyForm } from './media-type.ts';

const MAX = LIMITS.body_bytes_max;

type Source = ConstructorParameters<typeof Request>[1];

const post = (init: Source) =>
  new Request('http://pik.internal/ingest', { method: 'POST', duplex: 'half', ...init } as Source);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  return error === null ? 'none' : KitError.is(error) ? error.code : `other: ${String(error)}`;
}

/** A stream of chunks that counts how many were taken, and whether it was cancelled. */
function chunked(count: number, chunkBytes: number) {
  const state = { taken: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (state.taken === count) return controller.close();
        state.taken += 1;
        controller.enqueue(new Uint8Array(chunkBytes).fill(0x20));
      },
      cancel() {
        state.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { state, stream };
}

describe('the wire limit', () => {
  it.each([true, false])('takes exactly the limit and not one byte more, declared %s', async (declared) => {
    for (const [size, code] of [
      [MAX - 1, 'none'],
      [MAX, 'none'],
      [MAX + 1, 'BODY_TOO_LARGE'],
    ] as const) {
      const headers: Record<string, string> = declared ? { 'content-length': String(size) } : {};
      const { stream } = chunked(1, size);
      expect(await codeOf(readBody(post({ body: stream, headers }), { gzip: false })), String(size)).toBe(code);
    }
  });

  it('refuses a declared length without touching the body', async () => {
    const { state, stream } = chunked(1000, 65_536);
    const request = post({ body: stream, headers: { 'content-length': String(MAX + 1) } });
    expect(await codeOf(readBody(request, { gzip: false }))).toBe('BODY_TOO_LARGE');
    expect(state.taken).toBe(0);
  });

  it('stops a body without a length as soon as it passes the limit, and cancels it', async () => {
    const { state, stream } = chunked(1_000_000, 65_536);
    expect(await codeOf(readBody(post({ body: stream }), { gzip: false }))).toBe('BODY_TOO_LARGE');
    expect(state.taken).toBeLessThanOrEqual(MAX / 65_536 + 2);
    expect(state.cancelled).toBe(true);
  });

  it('does not believe a length that is too small', async () => {
    const { stream } = chunked(MAX / 65_536 + 1, 65_536);
    expect(await codeOf(readBody(post({ body: stream, headers: { 'content-length': '10' } }), { gzip: false }))).toBe(
      'BODY_TOO_LARGE',
    );
  });

  it('counts bytes while reading if the content length is not a number', async () => {
    for (const length of ['abc', '-1', '1e3', '', '1, 1']) {
      const { bytes } = await readBody(post({ body: 'x', headers: { 'content-length': length } }), { gzip: false });
      expect(bytes.length).toBe(1);
    }
  });

  it('joins chunks in order', async () => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const text of ['ab', '', 'c', 'def']) controller.enqueue(new TextEncoder().encode(text));
        controller.close();
      },
    });
    const { bytes, wireBytes } = await readBody(post({ body: stream }), { gzip: false });
    expect(new TextDecoder().decode(bytes)).toBe('abcdef');
    expect(wireBytes).toBe(6);
  });
});

describe('a body that is not there', () => {
  it.each([
    [undefined, false],
    ['', false],
    [undefined, true],
    [gzipSync(''), true],
  ] as const)('is BODY_EMPTY', async (body, gzip) => {
    expect(await codeOf(readBody(post({ body: body as never }), { gzip }))).toBe('BODY_EMPTY');
  });

  it('is CLIENT_GONE when the sender goes away', async () => {
    for (const headers of [{}, { 'content-length': '9' }] as Record<string, string>[]) {
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          controller.error(new Error('aborted'));
        },
      });
      expect(await codeOf(readBody(post({ body: stream, headers }), { gzip: false }))).toBe('CLIENT_GONE');
    }
  });
});

describe('gzip', () => {
  const text = 'hello '.repeat(1000);
  const packed = gzipSync(text);
  const read = (body: Uint8Array) => readBody(post({ body: body as never }), { gzip: true });

  it('gives the bytes back, of several members too', async () => {
    expect(new TextDecoder().decode((await read(packed)).bytes)).toBe(text);
    expect((await read(Buffer.concat([packed, packed]))).bytes.length).toBe(2 * text.length);
  });

  it('takes exactly the decompressed limit and not one byte more', async () => {
    const max = LIMITS.body_decompressed_bytes_max;
    for (const [size, code] of [
      [max - 1, 'none'],
      [max, 'none'],
      [max + 1, 'BODY_TOO_LARGE'],
    ] as const) {
      expect(await codeOf(read(gzipSync(new Uint8Array(size)))), String(size)).toBe(code);
    }
  });

  it('refuses a bomb without holding what it makes', async () => {
    const bomb = gzipSync(new Uint8Array(512 * 1024 * 1024), { level: 9 });
    expect(bomb.length).toBeLessThan(MAX);
    const before = process.memoryUsage().rss;
    expect(await codeOf(read(bomb))).toBe('BODY_TOO_LARGE');
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
  });

  it('refuses anything but whole gzip', async () => {
    const flipped = Uint8Array.from(packed);
    flipped[flipped.length - 6] = (flipped[flipped.length - 6] as number) ^ 1;
    const bad = {
      'plain text': Buffer.from(text),
      'trailing garbage': Buffer.concat([packed, Buffer.from('garbage')]),
      'trailing zeros': Buffer.concat([packed, Buffer.alloc(8)]),
      'a member behind zeros': Buffer.concat([packed, Buffer.alloc(8), packed]),
      'half a second member': Buffer.concat([packed, packed.subarray(0, 12)]),
      'a wrong checksum': flipped,
      'one byte': packed.subarray(0, 1),
    };
    for (const [name, body] of Object.entries(bad)) expect(await codeOf(read(body)), name).toBe('ENCODING_INVALID');
    for (let end = 1; end < packed.length; end++)
      expect(await codeOf(read(packed.subarray(0, end)))).toBe('ENCODING_INVALID');
  });
});

describe('content type and encoding', () => {
  const form = (type: string | null, encoding?: string) => {
    const headers = new Headers();
    if (type !== null) headers.set('content-type', type);
    if (encoding !== undefined) headers.set('content-encoding', encoding);
    return bodyForm(headers);
  };

  it.each([
    ['application/json', 'json'],
    ['Application/JSON; charset=UTF-8', 'json'],
    ['application/json;charset="utf-8";x=y', 'json'],
    ['application/x-ndjson', 'ndjson'],
    ['application/ndjson', 'ndjson'],
    ['application/jsonl; charset=utf8', 'ndjson'],
    ['application/cloudevents+json', 'json'],
    ['application/cloudevents-batch+json', 'json'],
  ])('reads %s', (type, format) => {
    expect(form(type)).toEqual({ type: type.toLowerCase().split(';')[0], format, gzip: false });
  });

  it.each([
    null,
    '',
    'text/plain',
    'application/json, application/json',
    'application/json; charset=utf-16',
    'application/x-www-form-urlencoded',
    'constructor',
    '__proto__',
    'application/json; charset=',
  ])('refuses %s, with a hint', (type) => {
    expect(() => form(type)).toThrow(/send one of application\/json/);
  });

  it('reads gzip and identity, once, and no other encoding', () => {
    expect(form('application/json', 'GZIP').gzip).toBe(true);
    expect(form('application/json', 'identity').gzip).toBe(false);
    for (const encoding of ['br', 'zstd', 'deflate', 'gzip, gzip', 'x-gzip', 'toString']) {
      expect(() => form('application/json', encoding)).toThrow(/gzip or identity/);
    }
  });
});
