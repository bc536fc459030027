import { VIEWS } from '@pik/render';
import { QUESTION_NAMES, QUESTIONS } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { csvText, flatRow } from '../src/forms/rules/csv.ts';
import { rowsOf } from '../src/forms/rules/rows.ts';
import { examplesOf } from '../src/program/examples.ts';
import { createProgram } from '../src/program.ts';
import { eventText, fileOf, type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

let kit: Kit;
beforeAll(async () => {
  kit = await openKit();
  const records = ['a,b', 'c"d', 'plain'].map((entity_id) => eventText({ entity_id }));
  await runPik('import', fileOf([...records, records[0], '{"source":"depot"}'].join('\n')), '--url', kit.url);
});
afterAll(() => kit.close());

const pik = (...args: readonly string[]) => runPik(...args, '--url', kit.url);
const csv = (text: string): Record<string, string>[] => parse(text, { columns: true });
const lines = (text: string): unknown[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

describe('every question, in every form', () => {
  const required: Readonly<Record<string, readonly string[]>> = { compare: ['--a', 'outcome = REJECTED'] };

  it.each(QUESTION_NAMES)('%s: the rows are those of the JSON document', async (name) => {
    const args = [
      name,
      ...(required[name] ?? []),
      ...('include_imported' in QUESTIONS[name].fields ? ['--include-imported'] : []),
    ];
    const whole: unknown = JSON.parse((await pik(...args, '-o', 'json')).stdout);
    const rows = rowsOf(whole, QUESTIONS[name].pages);
    expect(QUESTIONS[name].pages).not.toEqual([]);
    const stable = (row: unknown) => JSON.stringify(row, (key, value) => (key === 'as_of' ? '' : value));
    expect(lines((await pik(...args, '-o', 'ndjson')).stdout).map(stable)).toEqual(rows.map(stable));
    expect(csv((await pik(...args, '-o', 'csv')).stdout)).toHaveLength(rows.length);
    const { stdout } = await pik(...args, '-o', 'table');
    expect(stdout).toBe((await pik(...args)).stdout);
    expect(VIEWS[name]).toBeDefined();
  });
});

describe('the forms', () => {
  it('of events and matches are rows, of which --json prints one per line', async () => {
    const events = lines((await pik('events', '--entity', 'a,b', '--json')).stdout);
    expect(events).toHaveLength(1);
    expect(JSON.parse((await pik('events', '--entity', 'a,b', '-o', 'json')).stdout)).toEqual(events);
    expect(csv((await pik('events', '--entity', 'a,b', '-o', 'csv')).stdout)).toMatchObject([{ entity_id: 'a,b' }]);
    const matches = lines((await pik('find', '--json')).stdout);
    expect(matches).toHaveLength(5);
    expect(JSON.parse((await pik('find', '-o', 'json')).stdout)).toEqual(matches);
    const cells = csv((await pik('find', 'entity_id = "c\\"d"', '-o', 'csv')).stdout);
    expect(cells).toMatchObject([{ entity_id: 'c"d', imported: 'true', reject_code: '' }]);
    expect(JSON.parse((await pik('find', 'source = nobody', '-o', 'json')).stdout)).toEqual([]);
  });

  it('refuse one document of rows that never end, two forms, and an unknown one', async () => {
    for (const args of [
      ['tail', '-o', 'json'],
      ['lag', '--json', '-o', 'csv'],
      ['lag', '-o', 'xml'],
    ])
      expect((await pik(...args)).code).toBe(2);
    expect((await pik('tail', '--since', '2020-01-01', '--limit', '1', '-o', 'json')).code).toBe(0);
  });

  it('CSV keeps every text, by the rules of RFC 4180', () => {
    const cell = fc.oneof(fc.string(), fc.constantFrom('"', ',', '\r\n', ' x ', '=1+1', 'ä'));
    const row = fc.record({ a: cell, b: fc.record({ c: fc.oneof(cell, fc.integer(), fc.constant(null)) }) });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
        const read: Record<string, string>[] = parse(csvText(rows), { columns: true, record_delimiter: '\r\n' });
        expect(read).toEqual(rows.map(({ a, b }) => ({ a, 'b.c': b.c === null ? '' : String(b.c) })));
      }),
      runs(200),
    );
    expect(Object.fromEntries(flatRow({ a: { b: [1, { c: 2 }] }, d: null }))).toEqual({
      'a.b': [1, { c: 2 }],
      d: null,
    });
    expect(csvText([])).toBe('');
    expect(csvText(['x'])).toBe('value\r\nx\r\n');
  });
});

describe('the help of each command', () => {
  const { commands } = createProgram(() => {});
  const all = commands.flatMap((one) => [
    { name: one.name(), command: one, isGroup: one.commands.length > 0 && one.name() !== 'explain' },
    ...one.commands.map((inner) => ({ name: `${one.name()} ${inner.name()}`, command: inner, isGroup: false })),
  ]);

  it.each(all.filter(({ name, isGroup }) => !isGroup && name !== 'complete'))(
    '$name has examples whose options exist',
    (one) => {
      const examples = examplesOf(one.name);
      expect(examples.length).toBeGreaterThan(0);
      const flags = one.command.options.flatMap(({ long, short }) => [long, short]);
      for (const example of examples) {
        expect(example).toContain(`pik ${one.name}`);
        for (const [, flag] of example.matchAll(/(?<= )(--?[a-z][\w-]*)/g)) expect(flags).toContain(flag);
        for (const { long, mandatory } of one.command.options) if (mandatory) expect(example).toContain(`${long}`);
      }
    },
  );
});
