import { describe, it } from 'vitest';

import { expressionOf } from '../../src/search/find.ts';
import { needsDigits } from '../../src/search/rules/expression.ts';
import { pins } from '../support/pinned.ts';

// How expressions are read, and the whole message where one is refused: any change of a message shows here.

const expectPinned = pins('pinned-expressions.json');
const BASE = { nowMs: Date.parse('2026-01-02T12:00:00Z'), timeZone: 'Europe/Berlin' };

const READ = [
  '',
  '   ',
  'source = a and source = b or not source = c && source = d || !(source = e)',
  'SOURCE = x'.toLowerCase(),
  'source=a AND source=b OR NOT source=c',
  '((source = a))',
  '!!source = a',
  'event_type in [a, "b c", \'d\']',
  'event_type in [a]',
  'payload.a in [1, 1.0, "1", true, false, null, x]',
  'payload.a.b["c.d"][0][*].e == 10e-1',
  'payload[0] = 1',
  'payload["a"]["b"] != 2',
  'payload.a[12].b.contains("x")',
  "payload.startsWith('y')",
  'payload.a.startsWith(z)',
  'payload.contains = 1',
  'body.contains("\\"\\\\\\/\\n\\t\\u00e9")',
  'has(payload.a[*].b) or has(source)',
  'has = 1 or payload.has = 1'.slice(11),
  'payload.n < -1.5e3 and payload.n <= 0 and payload.n > 1 and payload.n >= 2',
  'payload.n < abc',
  'payload.n = -0',
  'payload.n = 1e400',
  'payload.n = 01',
  'payload.n = +1',
  'payload.n = .5',
  'received_at > yesterday and event_time < 2h and event_time >= 2026-01-01',
  'received_at = 2026-01-01T10:00:00.000000001Z',
  'imported = true and imported == false and imported != true',
  'outcome in [ACCEPTED, DUPLICATE, CONFLICT, REJECTED]',
  'reject_code != X and request_id = 1 and principal = null and trace_id = true',
  'source = a-b:c/d_e.f',
  'entity_id > a and entity_id <= "b"',
  '\tsource\n=\ra',
];

const REFUSED = [
  'source',
  'source =',
  'source = =',
  'source a',
  '= a',
  'and',
  'source = a and',
  'source = a or',
  'source = a b',
  'not',
  '(source = a',
  'source = a)',
  '()',
  'sorce = x',
  'nothing_like_it = x',
  '"source" = x',
  'source.name = x',
  'payload..x = 1',
  'payload. = 1',
  'payload.x. = 1',
  'payload[] = 1',
  'payload[x] = 1',
  'payload[1234567] = 1',
  'payload[-1] = 1',
  'payload[0 = 1',
  'payload["a" = 1',
  'payload.x.size() = 1',
  'source() = 1',
  'payload.x.contains(',
  'payload.x.contains()',
  'payload.x.contains("a"',
  'payload.x.contains([)',
  'imported.contains("a")',
  'imported.startsWith("a")',
  'has(',
  'has()',
  'has(source',
  'has(payload.x.contains("a"))',
  'has(nothing)',
  'payload.x in',
  'payload.x in a',
  'payload.x in []',
  'payload.x in [a',
  'payload.x in [a,]',
  'payload.x in [a b]',
  'payload.x > true',
  'payload.x <= null',
  'imported > true',
  'imported = 1',
  'outcome = LOST',
  'outcome in [ACCEPTED, LOST]',
  'event_time > soon',
  'received_at = 2026-13-01',
  `event_time > ${'9'.repeat(300)}`,
  'payload.x & 1',
  'payload.x | 1',
  'payload.x # 1',
  "payload.x = 'a\\x'",
  'payload.x = "a',
  "payload.x = 'a",
  'payload.x = "\\u00g0"',
  `${'!'.repeat(33)}source = x`,
  `${'('.repeat(33)}source = x`,
  `payload${'.a'.repeat(200)} = 1`,
];

function readOf(where: string): unknown {
  try {
    const expression = expressionOf(where, BASE);
    return { expression: JSON.stringify(expression, digitsAsText), needsDigits: needsDigits(expression) };
  } catch (error) {
    const { code, path, message } = error as { code: string; path: string; message: string };
    return { code, path, message };
  }
}

const digitsAsText = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value);

describe('an expression is read or refused as before', () => {
  it('those that are read', () => {
    for (const where of READ) expectPinned(`read: ${where}`, readOf(where));
  });

  it('those that are refused', () => {
    for (const where of REFUSED) expectPinned(`refused: ${where.slice(0, 60)} ${where.length}`, readOf(where));
  });
});
