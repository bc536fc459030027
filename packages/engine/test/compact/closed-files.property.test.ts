import { LETTER_OUTCOMES } from '@pik/schema';
import { makeEventRow, makePackRow } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Column } from '../../src/compact/rules/column.ts';
import {
  dayFolder,
  derivedKey,
  hourFolder,
  hourKeys,
  hourOfFolder,
  isDerivedOf,
  outcomesText,
  packsText,
  parseOutcomes,
  parsePacks,
  parseSeeds,
  seedsText,
} from '../../src/compact/rules/hour-files.ts';
import { arrivalsOf, receiptColumns, receiptsOf } from '../../src/compact/rules/receipt-columns.ts';
import { parseWords, wordsBytes } from '../../src/compact/rules/words-file.ts';
import type { ClosedEvent, ClosedReceipt, ReceiptFilter } from '../../src/ports/closed-hours.ts';

// The files of closed hours: what is read back is what was written, and what was not written so is refused.

const START = Date.UTC(2026, 2, 28, 23);
const HOUR = 3_600_000;
const packOf = (no: number) => `019b0000-0000-7000-8000-${String(no).padStart(12, '0')}`;

const event = fc
  .record({
    seed: fc.record({
      rule: fc.constantFrom('key' as const, 'content' as const, 'occurrence' as const),
      source: fc.constantFrom('s', 't', 'ä'),
      event_type: fc.constantFrom('u', 'v'),
      entity: fc.constantFrom('e', 'f', ''),
      payload: fc.constantFrom('1', '2'),
      event_ms: fc.nat(9).map((n) => START + n * 100_000 - 500_000),
      event_sub_ns: fc.constantFrom(0, 1, 999_999),
      received_ms: fc.nat(9).map((n) => START + n * 100_000),
      seq: fc.nat(3),
    }),
    outcome: fc.constantFrom('ACCEPTED' as const, 'DUPLICATE' as const, 'CONFLICT' as const),
    answered: fc.constantFrom('ACCEPTED' as const, 'DUPLICATE' as const, 'CONFLICT' as const),
    imported: fc.boolean(),
    isBare: fc.boolean(),
    sent: fc.option(fc.nat(5)),
  })
  .map(({ seed, outcome, answered, imported, isBare, sent }) => (line: number): ClosedEvent => {
    const row = makeEventRow(packOf(line % 4), { ...seed, line });
    const { position: _, expires_ms: __, rank: ___, live: ____, ...rest } = row;
    return {
      ...rest,
      ...{ outcome, answered, imported, request_id: `r${line % 3}`, request_line: line % 2, flags: line % 64 },
      sent_ms: sent === null ? null : START + sent,
      first_received_ms: outcome === 'ACCEPTED' ? null : START - line,
      ...(isBare ? { producer_id: null, producer_seq: null } : {}),
    };
  });
const reject = fc
  .record({
    source: fc.option(fc.constantFrom('s', 't')),
    event_type: fc.option(fc.constant('u')),
    imported: fc.boolean(),
  })
  .map(
    (rest) =>
      (line: number): ClosedReceipt => ({
        ...{ ...rest, pack_id: packOf(line % 4), line, request_id: 'r', request_line: line, received_ms: START + line },
        ...{ answered: 'REJECTED', outcome: 'REJECTED', code: `C${line % 2}` },
      }),
  );
const receipts = fc
  .array(fc.oneof({ weight: 4, arbitrary: event }, { weight: 1, arbitrary: reject }), { maxLength: 25 })
  .map((all) => all.map((make, line) => make(line)));

const read = (columns: readonly Column[]) => new Map(columns.map(({ name, data }) => [name, data]));

/** By series, entity and event time; what lacks one of them is last, and the rest is in order of its addresses. */
function sorted(all: readonly ClosedReceipt[]): ClosedReceipt[] {
  const last = '\uffff';
  const pad = (ms: number) => String(ms).padStart(20, '0');
  const keyOf = (one: ClosedReceipt) => [
    one.source ?? last,
    one.event_type ?? last,
    ...(one.answered === 'REJECTED' ? [last, '', ''] : [one.entity_id, pad(one.event_ms), pad(one.event_sub_ns)]),
    one.pack_id,
    pad(one.line),
  ];
  return all
    .map((one) => ({ one, key: keyOf(one) }))
    .sort((a, b) => {
      const differing = a.key.findIndex((part, i) => part !== b.key[i]);
      return differing === -1 ? 0 : (a.key[differing] ?? '') < (b.key[differing] ?? '') ? -1 : 1;
    })
    .map(({ one }) => one);
}

const bound = (from: number, to: number) =>
  fc.option(
    fc.integer({ min: from, max: to }).map((n) => START + n * 100_000),
    { nil: undefined },
  );
const filter: fc.Arbitrary<ReceiptFilter> = fc.record({
  source: fc.constantFrom(undefined, undefined, 's', 'none'),
  event_type: fc.constantFrom(undefined, undefined, 'u'),
  eventFromMs: bound(-5, 4),
  eventToMs: bound(-5, 4),
  receivedFromMs: bound(0, 9),
  receivedToMs: bound(0, 9),
});

function matches(
  one: ClosedReceipt,
  { source, event_type, eventFromMs, eventToMs, receivedFromMs, receivedToMs }: ReceiptFilter,
) {
  const eventMs = one.answered === 'REJECTED' ? null : one.event_ms;
  const isTimed = eventFromMs !== undefined || eventToMs !== undefined;
  return (
    (source === undefined || one.source === source) &&
    (event_type === undefined || one.event_type === event_type) &&
    one.received_ms >= (receivedFromMs ?? 0) &&
    one.received_ms < (receivedToMs ?? Number.POSITIVE_INFINITY) &&
    (eventMs === null ? !isTimed : eventMs >= (eventFromMs ?? 0) && eventMs < (eventToMs ?? Number.POSITIVE_INFINITY))
  );
}

describe('the columns of receipts', () => {
  it('hold every receipt with all of its fields, in order of series, entity and time, and give those that match', () => {
    fc.assert(
      fc.property(receipts, filter, (all, wanted) => {
        const columns = receiptColumns(all);
        for (const { name, nullable, data } of columns)
          expect([name, Array.from(data).includes(null)]).toEqual([name, nullable]);
        const ordered = sorted(all);
        expect([...receiptsOf(read(columns))]).toEqual(ordered);
        expect([...receiptsOf(read(columns), wanted)]).toEqual(ordered.filter((one) => matches(one, wanted)));
        const first = ordered.flatMap((one) => (one.outcome === 'ACCEPTED' ? [one] : []));
        const fields = first.map(({ source, event_type, imported, event_ms, received_ms }) => {
          return { source, event_type, imported, event_ms, received_ms };
        });
        expect([...arrivalsOf(read(columns))]).toEqual(fields);
      }),
      runs(300),
    );
  });

  it('are typed arrays where every receipt has a number', () => {
    const [all] = fc.sample(fc.array(event, { minLength: 3, maxLength: 3 }), { seed: 1, numRuns: 1 });
    const whole = (all ?? []).map((make, line) => ({ ...make(line), sent_ms: 5, first_received_ms: null }));
    const types = Object.fromEntries(
      receiptColumns(whole).map(({ name, type, encoding, data }) => [name, [type, encoding, data.constructor.name]]),
    );
    expect(types).toMatchObject({
      source: ['STRING', undefined, 'Array'],
      entity_id: ['STRING', 'DELTA_BYTE_ARRAY', 'Array'],
      event_ms: ['INT64', 'DELTA_BINARY_PACKED', 'BigInt64Array'],
      event_sub_ns: ['INT32', undefined, 'Int32Array'],
      sent_ms: ['INT64', 'DELTA_BINARY_PACKED', 'BigInt64Array'],
      first_received_ms: ['INT64', undefined, 'Array'],
      imported: ['BOOLEAN', undefined, 'Array'],
      line: ['INT32', 'DELTA_BINARY_PACKED', 'Int32Array'],
      digest: [12, 'PLAIN', 'Array'],
      payload_hash: [32, 'PLAIN', 'Array'],
    });
    expect(Object.keys(types)).toHaveLength(23);
  });

  it('of another form are refused', () => {
    const row = makeEventRow(packOf(1));
    const one = {
      ...row,
      imported: false,
      outcome: 'ACCEPTED',
      first_received_ms: null,
      request_id: 'r',
      request_line: 0,
    } as const;
    const columns = read(receiptColumns([one]));
    for (const name of columns.keys()) {
      if (['pack_id', 'code'].includes(name)) continue;
      const rest = new Map([...columns].filter(([other]) => other !== name));
      expect(() => [...receiptsOf(rest, { source: 'source', event_type: 'type' })]).toThrow(`has no column ${name}`);
    }
    for (const name of ['answered', 'outcome', 'rule'])
      expect(() => [...receiptsOf(new Map([...columns, [name, ['other']]]))]).toThrow('has the unknown value other');
    for (const name of ['digest', 'payload_hash'])
      expect(() => [...receiptsOf(new Map([...columns, [name, ['text']]]))]).toThrow(`has no bytes in ${name}`);
    expect([...receiptsOf(new Map())]).toEqual([]);
  });
});

describe('the files of an hour', () => {
  const key = 'hours/v1/x.outcomes';
  const refused = (parse: () => unknown) =>
    expect(parse).toThrow(
      expect.objectContaining({ code: 'HOUR_DAMAGED', message: expect.stringContaining('damaged') }),
    );

  it('have names from which the hour can be read', () => {
    expect(hourFolder(START)).toBe('hours/v1/2026-03-28/23/');
    expect(hourOfFolder(hourFolder(START))).toBe(START);
    for (const other of [
      'hours/v1/2026-03-28/23',
      'hours/v1/2026-03-28/',
      'x/hours/v1/2026-03-28/23/',
      'hours/v1/2026-03-28/23/g1',
    ])
      expect(hourOfFolder(other)).toBeNull();
    expect(hourKeys(START, 2)).toEqual({
      outcomes: 'hours/v1/2026-03-28/23/g2.outcomes',
      packs: 'hours/v1/2026-03-28/23/g2.packs',
      seeds: 'hours/v1/2026-03-28/23/g2.seeds',
    });
    for (const [kind, end] of [
      ['cells', 'parquet'],
      ['receipts', 'parquet'],
      ['moved', 'parquet'],
      ['words', 'bin'],
    ] as const) {
      const derived = derivedKey(kind, { hourMs: START, generation: 3, name: 'abc' });
      expect(derived).toBe(`derived/v1/${kind}/stored_date=2026-03-28/stored_hour=23/g3-abc.${end}`);
      expect([START, START + HOUR].map((hour) => isDerivedOf(derived, hour))).toEqual([true, false]);
    }
    expect(isDerivedOf('derived/v1/days/stored_date=2026-03-28/stored_hour=23/g3-abc.parquet', START)).toBe(false);
    expect(dayFolder('derived/v1/days/', START, 'abc')).toBe('derived/v1/days/stored_date=2026-03-28/abc/');
  });

  const packs = [1, 2, 3].map((no) => makePackRow(packOf(no), { outcomes: Object.keys(LETTER_OUTCOMES).join('') }));

  it('come back as they were written', () => {
    const outcomes = packs.map(({ pack_id, outcomes }) => ({ pack_id, outcomes }));
    expect(parseOutcomes(outcomesText(packs), key)).toEqual(outcomes);
    const listed = packs.map(({ pack_id, sha256, bytes, imported, received_min_ms, received_max_ms, requests }) => {
      return { pack_id, sha256, bytes, imported, received_min_ms, received_max_ms, requests };
    });
    expect(parsePacks(packsText(packs), key)).toEqual(JSON.parse(JSON.stringify(listed)));
    const seeds = packs.map(({ pack_id }, i) => ({ pack_id, seed: `${i}a`.repeat(16) }));
    expect(parseSeeds(seedsText(seeds), key)).toEqual(seeds);
    expect([parseOutcomes('', key), parseSeeds('', key), parsePacks('', key)]).toEqual([[], [], []]);
  });

  it('are refused if a line is cut, repeated, out of order, or not what it must be', () => {
    const text = outcomesText(packs);
    const lines = text.split('\n');
    for (const broken of [
      text.slice(0, -1),
      text.slice(0, -3),
      `${lines[1]}\n${lines[0]}\n`,
      `${lines[0]}\n${lines[0]}\n`,
      `${text}\n`,
      'null\n',
      '5\n',
      '{}\n',
      `{"pack_id":"x","outcomes":""}\n`,
      `{"pack_id":"${packOf(1)}"}\n`,
      `{"pack_id":"${packOf(1)}","outcomes":"x"}\n`,
      `{"pack_id":"${packOf(1)}","outcomes":["A"]}\n`,
    ])
      refused(() => parseOutcomes(broken, key));
    for (const rest of ['"sha256":"a"', '"sha256":5,"bytes":5', '"sha256":"a","bytes":1.5', '"bytes":5'])
      refused(() => parsePacks(`{"pack_id":"${packOf(1)}",${rest}}\n`, key));
    for (const seed of ['5', '"a"', `"${'a'.repeat(31)}"`, `"${'a'.repeat(33)}"`, `"${'g'.repeat(32)}"`])
      refused(() => parseSeeds(`{"pack_id":"${packOf(1)}","seed":${seed}}\n`, key));
    expect(() => parseSeeds('x', key)).toThrow(`the file ${key} is damaged`);
  });
});

describe('a file of words', () => {
  const words = new Map([1, 2, 3].map((no) => [packOf(no), new Uint8Array(no * 5 - 5).fill(no)] as const));

  it('comes back as it was written, also from the middle of other bytes', () => {
    const bytes = wordsBytes(words);
    const around = Buffer.concat([Buffer.from('\n\n'), bytes]);
    for (const one of [bytes, around.subarray(2)])
      expect([...parseWords(one)].map(([id, filter]) => [id, [...filter]])).toEqual(
        [...words].map(([id, filter]) => [id, [...filter]]),
      );
    expect(parseWords(wordsBytes(new Map())).size).toBe(0);
  });

  it('of another form or cut short is refused', () => {
    const bytes = Buffer.from(wordsBytes(words));
    expect(() => parseWords(bytes.subarray(0, bytes.length - 1))).toThrow('is not complete');
    for (const text of ['', 'pik-words/1', 'pik-words/1\n[]', 'pik-words/2\n[]\n', ' pik-words/1\n[]\n'])
      expect(() => parseWords(Buffer.from(text))).toThrow('has another form');
    for (const text of ['[["x",0]]', `[["${packOf(1)}",1]]`, `[["${packOf(1)}",0.5]]`, `[["${packOf(1)}"]]`, '[[5,0]]'])
      expect(() => parseWords(Buffer.from(`pik-words/1\n${text}\n`))).toThrow('is not complete');
    expect(parseWords(Buffer.from('pik-words/1\n{}\n')).size).toBe(0);
  });
});
