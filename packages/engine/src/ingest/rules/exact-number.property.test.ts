import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isExactNumber } from './exact-number.ts';
import { scanJson } from './json-scan.ts';

// A number that a double cannot represent must not be taken for its neighbour. The reference reads both texts as
// fractions of integers of any size.

interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

function fractionOf(token: string): Fraction {
  const [, sign, whole = '', decimals = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? [];
  const digits = BigInt(whole + decimals) * (sign === '-' ? -1n : 1n);
  const power = Number(exponent) - decimals.length;
  return power >= 0
    ? { numerator: digits * 10n ** BigInt(power), denominator: 1n }
    : { numerator: digits, denominator: 10n ** BigInt(-power) };
}

function isKept(token: string): boolean {
  const [a, b] = [fractionOf(token), fractionOf(String(Number(token)))];
  return a.numerator * b.denominator === b.numerator * a.denominator;
}

const digits = (maxLength: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength });
const token = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.oneof(
      fc.constant('0'),
      digits(24).map((text) => String(BigInt(text))),
    ),
    decimals: fc.option(digits(24), { nil: undefined }),
    exponent: fc.option(
      fc.record({ letter: fc.constantFrom('e', 'E', 'e+', 'e-', 'E-'), size: fc.integer({ min: 0, max: 330 }) }),
      { nil: undefined },
    ),
  })
  .map(({ sign, whole, decimals, exponent }) => {
    const fraction = decimals === undefined ? '' : `.${decimals}`;
    return `${sign}${whole}${fraction}${exponent === undefined ? '' : exponent.letter + exponent.size}`;
  })
  .filter((text) => Number.isFinite(Number(text)));

const inexact = (text: string) => {
  const { inexact_integers, inexact_decimals } = scanJson(`{"n":[${text}]}`, 9);
  return { integer: inexact_integers, decimal: inexact_decimals };
};

describe('a number that a double cannot represent', () => {
  it('is detected by the rule of fractions in any notation', () => {
    fc.assert(
      fc.property(token, (text) => {
        expect(isExactNumber(text)).toBe(isKept(text));
        const found = inexact(text);
        expect(found.integer || found.decimal).toBe(!isKept(text));
        if (!isKept(text)) expect(found.integer).toBe(/^-?\d+$/.test(text));
      }),
      runs(5_000),
    );
  });

  it('is detected next to every double: one more digit makes another number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-300, max: 1e300 }), (value) => {
        const text = value.toExponential(16);
        expect(isExactNumber(text)).toBe(isKept(text));
        const [mantissa = '', exponent = ''] = String(value.toExponential()).split('e');
        const longer = `${mantissa.includes('.') ? mantissa : `${mantissa}.`}${'0'.repeat(20)}1e${exponent}`;
        expect(inexact(longer)).toEqual({ integer: false, decimal: true });
      }),
      runs(100),
    );
  });

  it('is never written by JSON.stringify', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(inexact(JSON.stringify(value))).toEqual({ integer: false, decimal: false });
      }),
      runs(3_000),
    );
  });

  it.each([
    '1.0',
    '1.50',
    '1e2',
    '1E+2',
    '-0',
    '-0.0',
    '0e-999',
    '1e-7',
    '100e-2',
    '5e-324',
    '0.1',
    '1.7976931348623157e308',
  ])('is not %s', (text) => expect(inexact(text)).toEqual({ integer: false, decimal: false }));

  it.each([
    '2.000000000000000001',
    '0.3000000000000000166',
    '1e-400',
    '4e-324',
    '9007199254740993.0',
    '9007199254740993e0',
  ])('is %s', (text) => expect(inexact(text)).toEqual({ integer: false, decimal: true }));
});
