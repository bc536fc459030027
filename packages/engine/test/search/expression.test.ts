import { KitError } from '@pik/schema';
import { describe, expect, it } from 'vitest';
import { expressionOf } from '../../src/search/find.ts';
import { matches } from '../../src/search/rules/evaluate.ts';
import { needsDigits } from '../../src/search/rules/expression.ts';
import { factsOf } from '../../src/search/rules/receipt-facts.ts';

const BASE = { nowMs: Date.parse('2026-01-02T12:00:00Z'), timeZone: 'UTC' };

const PAYLOAD =
  '{"order_id":4711,"code":"4711","ratio":0.10,"big":9007199254740993,"flag":true,"gone":null,"a.b":{"c":1},"items":[{"sku":"A-1"},{"sku":"B-2"}],"name":"Zoë"}';
const RECORD = `{"source":"shop","event_type":"order.placed","entity_id":"order-17","event_time":"2026-01-01T10:00:00Z","idempotency_key":"k1","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","payload":${PAYLOAD}}`;

function isMatch(where: string, body = RECORD, reject_code: string | null = null): boolean {
  const expression = expressionOf(where, BASE);
  const isRejected = reject_code !== null;
  const envelope = {
    received_at: '2026-01-01T10:00:05.000000000Z',
    request_id: 'r1',
    line: 1,
    principal: 'key-a',
    imported: false,
    event_id: isRejected ? null : 'e1',
    reject_code,
    source: isRejected ? null : 'shop',
    event_type: isRejected ? null : 'order.placed',
    entity_id: isRejected ? null : 'order-17',
    event_time: isRejected ? null : '2026-01-01T10:00:00.000000000Z',
    payload_hash: null,
    body,
  };
  const options = { outcomes: 'DA', withDigits: needsDigits(expression) };
  return matches(expression, factsOf(envelope, options));
}

describe('an expression', () => {
  it.each([
    '',
    'source=shop',
    'source == "shop" && event_type in [order.placed, order.paid]',
    "entity_id.startsWith('order-') and not entity_id = order-18",
    'outcome = ACCEPTED',
    'received_at > 2026-01-01 and event_time <= 2026-01-01T10:00:00Z',
    'event_time < 2h',
    'request_id = r1 and principal = key-a and key = k1 and imported = false',
    'trace_id = 4bf92f3577b34da6a3ce929d0e0e4736',
    'payload.order_id = 4711 and payload.code = 4711',
    'payload.order_id == 4711 and payload.order_id == 4711.0 and payload.order_id == 47.11e2',
    'payload.code == "4711" and !(payload.code == 4711)',
    'payload.ratio == 0.1 and payload.ratio < 0.11 and payload.ratio > -1',
    'payload.big == 9007199254740993 and payload.big != 9007199254740992',
    'payload.big > 9007199254740992 and payload.big < 9007199254740994',
    'payload.flag = true and payload.flag == true and payload.flag != "true"',
    'payload.gone == null and has(payload.gone) and not has(payload.missing)',
    'payload["a.b"].c = 1',
    'payload.items[0].sku = A-1 and payload.items[*].sku = B-2 and not payload.items[*].sku = C-3',
    'payload.items[*].sku.startsWith("B") and body.contains("order_id\\":4711")',
    'payload.name = "Zo\\u00eb" and payload.name > Zoa and payload.name.contains("oë")',
    'payload.missing != 5',
    'has(payload) and has(source) and not has(reject_code)',
    '(source = x or source = shop) and (payload.a = 1 || payload.order_id >= 4711)',
    'source = x or source = y or source = shop',
  ])('matches: %s', (where) => {
    expect(isMatch(where)).toBe(true);
  });

  it.each([
    'source = Shop',
    'payload.missing = 5',
    'payload.order_id == "4711"',
    'payload.order_id.contains("47")',
    'payload.order_id < "a"',
    'payload.code < 5000',
    'payload.items = 1',
    'payload.items[2].sku = A-1',
    'payload.items.sku = A-1',
    'payload.toString = x',
    'has(payload.__proto__)',
    'outcome in [REJECTED, DUPLICATE]',
    'event_time >= 2026-01-01T10:00:00.000000001Z',
  ])('does not match: %s', (where) => {
    expect(isMatch(where)).toBe(false);
  });

  it('finds what a rejected record says', () => {
    const rejected = RECORD.replace('2026-01-01T10:00:00Z', 'yesterday');
    const asked =
      'outcome = REJECTED and reject_code = TIME_INVALID and entity_id = order-17 and payload.order_id = 4711';
    expect(isMatch(asked, rejected, 'TIME_INVALID')).toBe(true);
    expect(isMatch('has(event_time)', rejected, 'TIME_INVALID')).toBe(false);
    expect(isMatch('body.contains("47")', '{"x":47', 'JSON_SYNTAX')).toBe(true);
    expect(isMatch('has(payload)', '{"x":47', 'JSON_SYNTAX')).toBe(false);
    const huge = RECORD.replace('0.10', '1e400');
    expect(isMatch('payload.ratio == 1e400 and payload.ratio > 1e399', huge, 'NUMBER_OUT_OF_RANGE')).toBe(true);
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    expect(isMatch('payload == 1', deep, 'JSON_TOO_DEEP')).toBe(false);
  });

  it.each([
    ['source', 'at its end'],
    ['sorce = x', 'at character 1, near "sorce = x": "sorce" is not a field: did you mean source?'],
    ['source = "x', 'at character 10'],
    ['source = x y', 'at character 12, near "y"'],
    ['source = x and', 'at its end'],
    ['(source = x', 'at its end'],
    ['source.name = x', 'source has no parts'],
    ['payload.x.size() = 1', 'the only functions are'],
    ['payload..x = 1', 'empty name'],
    ['payload.x > true', '> compares numbers'],
    ['event_time > soon', 'at character 14, near "soon"'],
    ['outcome = LOST', 'is not an outcome'],
    ['imported = 1', 'imported is true or false'],
    ['payload.x & 1', 'at character 11'],
    ['4711 = payload.x', '"4711" is not a field'],
    ['payload.x in []', 'expected a value'],
    ["payload.x = 'a\\x'", 'at character 15'],
    [`${'!'.repeat(33)}source = x`, 'nest deeper than 32'],
    ['('.repeat(2_000), 'nest deeper than 32'],
  ])('is refused with its place: %s', (where, place) => {
    let error: unknown = null;
    try {
      expressionOf(where, BASE);
    } catch (thrown) {
      error = thrown;
    }
    expect(KitError.is(error)).toBe(true);
    expect(error).toMatchObject({ code: 'REQUEST_INVALID', path: '/where', message: expect.stringContaining(place) });
  });
});
