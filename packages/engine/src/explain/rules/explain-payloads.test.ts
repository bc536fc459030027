import { packKey } from '@pik/schema';
import { expect, it } from 'vitest';

import { parseRecord } from '../../ingest/rules/parse-record.ts';
import type { DeliveryRow } from '../../ports/rows.ts';
import { conflictFinding } from './explain-payloads.ts';

// How the story of an event says in what two payloads differ.

const RECEIVED = Date.UTC(2026, 0, 30, 11);
const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';
const DELIVERY = { event_id: 'e', pack_id: PACK, line: 4, received_ms: RECEIVED } as DeliveryRow;

/** A receipt with the text of its payload. */
const receipt = (payload: string, receivedMs = RECEIVED) =>
  parseRecord(
    {
      text: `{"source":"s","event_type":"t","entity_id":"e","event_time":"2026-01-30T10:00:00Z","idempotency_key":"k","payload":${payload}}`,
    },
    { receivedMs, imported: false, volatileOf: () => null },
  );

const differenceOf = (first: string, other: string) =>
  conflictFinding(receipt(first), receipt(other), DELIVERY)
    .text.replace(/^.* and another payload; /, '')
    .replace(/ Both are kept: .*$/, '');

it.each([
  ['{"a":1,"b":{"c":[1,2]}}', '{"b":{"c":[1,2]},"a":2}', 'it differs in "a".'],
  ['{"a":{"x":1}}', '{"a":{"x":2}}', 'it differs in "a".'],
  ['{"b":1,"a":1}', '{"b":2,"c":1}', 'it differs in "a", "b", "c".'],
  ['{"a":null}', '{}', 'it differs in "a".'],
  ['{"toString":1}', '{}', 'it differs in "toString".'],
  ['{"a":1.000000000000000001}', '{"a":1.000000000000000002}', 'it differs in digits that a double does not keep.'],
  ['[1]', '[2]', 'it differs inside the array.'],
  ['[1]', '{"a":1}', 'the first is an array, this one an object.'],
  ['{"a":1}', '[1]', 'the first is an object, this one an array.'],
  ['null', '{"a":1}', 'the first is a deletion (null).'],
  ['{"a":1}', 'null', 'this one is a deletion (null).'],
])('%s and then %s', (first, other, text) => {
  expect(differenceOf(first, other)).toBe(text);
});

it('says that an import claims to have been first, and where the bytes are', () => {
  const [first, other] = [receipt('{"a":1}', RECEIVED + 90_000), receipt('{"a":2}')];
  expect(conflictFinding(first, other, DELIVERY)).toEqual({
    code: 'CONFLICT',
    text: `The receipt of 2026-01-30T11:00:00.000000000Z has the same key and another payload; it differs in "a". It is an import that claims a receive time 1 min 30 s earlier; the live receipt stays the event. Both are kept: this one in ${packKey(PACK)}, line 4.`,
    evidence: [{ event_id: 'e', pack_id: PACK, line: 4 }],
  });
  expect(conflictFinding(receipt('{"a":1}'), other, DELIVERY).text).not.toContain('It is an import');
});
