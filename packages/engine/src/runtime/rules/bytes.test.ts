import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ByteReader, ByteWriter } from './bytes.ts';

const written = (write: (out: ByteWriter) => void): number[] => {
  const out = new ByteWriter();
  write(out);
  return [...out.done()];
};

describe('a writer', () => {
  it.each([
    [0, [0]],
    [127, [127]],
    [128, [128, 1]],
    [300, [172, 2]],
    [16_384, [128, 128, 1]],
    [Number.MAX_SAFE_INTEGER, [255, 255, 255, 255, 255, 255, 255, 15]],
  ])('puts the integer %d into as few bytes as LEB128 does', (value, bytes) => {
    expect(written((out) => out.uint(value))).toEqual(bytes);
    expect(new ByteReader(Uint8Array.from(bytes)).uint()).toBe(value);
  });

  it.each([
    [0, 0],
    [-1, 1],
    [1, 2],
    [-2, 3],
    [63, 126],
    [-64, 127],
  ])('puts the signed integer %d in zigzag order: %d', (value, byte) => {
    expect(written((out) => out.int(value))).toEqual([byte]);
  });

  it('grows whatever is written when it is full, and loses nothing of what was there', () => {
    const ways: readonly (readonly [write: (out: ByteWriter) => void, bytes: readonly number[]])[] = [
      [(out) => out.uint(5), [5]],
      [(out) => out.hex('00ff0a'), [0, 255, 10]],
      [(out) => out.raw(Uint8Array.of(1, 2, 3, 4)), [1, 2, 3, 4]],
    ];
    for (let filled = 240; filled <= 260; filled++) {
      const before = Array.from({ length: filled }, (_, i) => i % 251);
      for (const [write, bytes] of ways) {
        const out = new ByteWriter();
        out.raw(Uint8Array.from(before));
        write(out);
        expect([...out.done()]).toEqual([...before, ...bytes]);
      }
    }
    expect(written((out) => out.raw(new Uint8Array(10_000).fill(7)))).toEqual(Array(10_000).fill(7));
  });
});

it('a reader gives what a writer wrote, and knows where it is', () => {
  const item = fc.oneof(
    fc.record({ kind: fc.constant('uint' as const), value: fc.maxSafeNat() }),
    fc.record({ kind: fc.constant('int' as const), value: fc.integer({ min: -(2 ** 51), max: 2 ** 51 }) }),
    fc.record({ kind: fc.constant('hex' as const), value: fc.uint8Array({ maxLength: 40 }) }),
    fc.record({ kind: fc.constant('raw' as const), value: fc.uint8Array({ maxLength: 200 }) }),
  );
  fc.assert(
    fc.property(fc.array(item, { maxLength: 30 }), (items) => {
      const out = new ByteWriter();
      for (const { kind, value } of items) {
        if (kind === 'uint') out.uint(value);
        else if (kind === 'int') out.int(value);
        else if (kind === 'hex') out.hex(Buffer.from(value).toString('hex'));
        else out.raw(value);
      }
      const bytes = out.done();
      const input = new ByteReader(bytes);
      for (const { kind, value } of items) {
        expect(input.atEnd).toBe(input.position === bytes.length);
        if (kind === 'uint') expect(input.uint()).toBe(value);
        else if (kind === 'int') expect(input.int()).toBe(value);
        else if (kind === 'hex') expect(input.hex(value.length)).toBe(Buffer.from(value).toString('hex'));
        else expect(input.raw(value.length)).toEqual(value);
      }
      expect([input.position, input.atEnd]).toEqual([bytes.length, true]);
    }),
    runs(100),
  );
});

describe('bytes that end too early', () => {
  const bytes = Uint8Array.of(1, 2, 3, 200);

  it('are refused by each way to read them, and left where they are', () => {
    for (const read of ['skip', 'raw', 'hex'] as const) {
      const input = new ByteReader(bytes);
      input.skip(1);
      expect(() => input[read](4)).toThrow(new RangeError('the bytes end too early'));
      expect(input.position).toBe(1);
      input[read](3);
      expect(input.atEnd).toBe(true);
      expect(() => input[read](1)).toThrow(new RangeError('the bytes end too early'));
      input[read](0);
    }
  });

  it('are refused in the middle of a number', () => {
    const input = new ByteReader(bytes);
    input.skip(3);
    expect(() => input.uint()).toThrow(new RangeError('the bytes end in the middle of a number'));
  });
});
