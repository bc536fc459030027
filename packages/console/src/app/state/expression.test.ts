import { describe, expect, it } from 'vitest';

import { expressionOf, filtered } from './expression.ts';

describe('a typed text', () => {
  it.each([
    'payload.total_cents > 5000',
    'has(payload.refund)',
    'source=checkout',
    '"a b"',
    'a or b',
    'x.startsWith("y")',
  ])('%s is an expression already', (text) => expect(expressionOf(` ${text} `)).toBe(text));

  it('of plain words finds receipts that are named so or contain them', () => {
    expect(expressionOf('order-4711')).toBe(
      'entity_id == "order-4711" or key == "order-4711" or event_id == "order-4711" or body.contains("order-4711")',
    );
    expect(expressionOf('back\\slash')).toContain('body.contains("back\\\\slash")');
  });

  it('that is empty matches everything', () => expect(expressionOf('  ')).toBeUndefined());
});

describe('the filters of a page', () => {
  it('must match too, and join in parentheses', () => {
    expect(filtered('a = 1 or b = 2', { source: 'x"y' })).toBe('(source == "x\\"y") and (a = 1 or b = 2)');
    expect(filtered(undefined, { type: 't' })).toBe('event_type == "t"');
    expect(filtered(undefined, {})).toBeUndefined();
  });
});
