import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../budget.ts';
import { compareUtf8, placeAfter } from './utf8-order.ts';

const text = fc.string({
  unit: fc.constantFrom('a', 'b', '\u00e9', '\u4e00', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
});
const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

it('texts compare as their UTF-8 bytes do', () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(order(a, b));
    }),
    runs(2_000),
  );
});

it('the place after a text is that of the first greater one', () => {
  fc.assert(
    fc.property(fc.uniqueArray(text), text, (texts, wanted) => {
      const sorted = texts.toSorted(order);
      const place = sorted.findIndex((one) => order(one, wanted) > 0);
      expect(placeAfter(sorted, wanted)).toBe(place < 0 ? sorted.length : place);
    }),
    runs(400),
  );
});
