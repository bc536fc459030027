import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { sha256Hex } from './sha256.ts';
import { utf8Bytes, utf8Text } from './utf8.ts';

afterEach(() => void vi.unstubAllGlobals());

describe('UTF-8', () => {
  const texts = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));

  it('is the same without the platform’s encoder and decoder, lone surrogates included', () => {
    const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = encoder.encode(text);
        expect(utf8Bytes(text)).toEqual(bytes);
        expect(utf8Text(bytes)).toBe(decoder.decode(bytes));
        vi.stubGlobal('TextEncoder', undefined);
        vi.stubGlobal('TextDecoder', undefined);
        expect(utf8Bytes(text)).toEqual(bytes);
        expect(utf8Text(bytes)).toBe(decoder.decode(bytes));
        vi.unstubAllGlobals();
      }),
      runs(100),
    );
  });

  it('a part of other bytes is decoded on its own', () => {
    const part = utf8Bytes('abc€def').subarray(3, 6);
    expect(utf8Text(part)).toBe('€');
    vi.stubGlobal('TextDecoder', undefined);
    expect(utf8Text(part)).toBe('€');
  });

  it('an identity does not depend on the platform', async () => {
    const known = sha256Hex('é€\u{1f600}');
    vi.resetModules();
    vi.stubGlobal('process', { ...process, getBuiltinModule: undefined });
    vi.stubGlobal('TextEncoder', undefined);
    const bare = await import('./sha256.ts');
    expect(bare.sha256Hex('é€\u{1f600}')).toBe(known);
  });
});
