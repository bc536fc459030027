import { gzipSync } from 'node:zlib';
import { KitError, LIMITS } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { openRecords, placeOf } from '../../src/files/record-file.ts';
import { fileOf } from '../support/kit.ts';

const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('utf8'));

async function read(content: string | Uint8Array) {
  const source = await openRecords(fileOf(content));
  const records: { at: string; text: string | null }[] = [];
  let fault: KitError | null = null;
  try {
    for await (const some of source.records)
      for (const record of some)
        records.push({ at: placeOf({ ...source, name: 'f' }, record), text: text(record.bytes) });
  } catch (error) {
    if (!KitError.is(error)) throw error;
    fault = error;
  }
  return {
    form: source.form,
    records,
    texts: records.map((record) => record.text),
    places: records.map(({ at }) => at),
    fault,
  };
}

const refusal = (content: string | Uint8Array) =>
  openRecords(fileOf(content)).then(
    () => 'read',
    (error: KitError) => `${error.code} ${error.message.replace(/^.*?\d+-events\.ndjson/, 'F')}`,
  );

describe('lines', () => {
  it('end at the byte 0x0A alone; blank lines count as lines and not as records', async () => {
    const lines = ['{"a":"x\u2028y"}', '{"a":"\u0085\u2029\v\f"}', '', ' \t', '{"a":3}\r', '{"a":4}'];
    const { form, texts, places } = await read(lines.join('\n'));
    expect([form, texts, places]).toEqual([
      'lines',
      [lines[0], lines[1], '{"a":3}', '{"a":4}'],
      ['f:1', 'f:2', 'f:5', 'f:6'],
    ]);
  });

  it('keep bytes that are not UTF-8', async () => {
    const line = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0x80]), Buffer.from('"}\n')]);
    const source = await openRecords(fileOf(line));
    const { value } = await source.records.next();
    expect(value?.[0]?.bytes).toEqual(line.subarray(0, -1));
  });

  it('that are longer than an event are left out one by one, at the limit and above it', async () => {
    const fill = (bytes: number) => `{"a":"${'x'.repeat(bytes - 8)}"}`;
    const max = LIMITS.event_bytes_max;
    const { texts } = await read([fill(max), fill(max + 1), '{}', `${fill(max)}\r`, fill(max * 9)].join('\n'));
    expect(texts.map((one) => one?.length ?? null)).toEqual([max, null, 2, max, null]);
  });

  it('a byte order mark is skipped before the first record, and kept in all others', async () => {
    expect((await read('\ufeff{"a":1}\n\ufeff{"a":2}\n')).texts).toEqual(['{"a":1}', '\ufeff{"a":2}']);
  });

  it('an unreadable record does not hide the others, wherever it stands', async () => {
    expect((await read('{"a":\n{"a":2}\n')).texts).toEqual(['{"a":', '{"a":2}']);
    expect((await read('# a comment\n{"a":2}\n')).texts).toEqual(['# a comment', '{"a":2}']);
    expect((await read('[]\n{"a":2}\n')).texts).toEqual(['[]', '{"a":2}']);
  });
});

describe('an array', () => {
  it('has its elements unchanged, with the line and byte where each starts', async () => {
    const content = '\n [ {"a":"],[{"},\n\n  {"b":\n 2 } , "x y", 7]\n';
    const { form, texts, places } = await read(content);
    expect([form, texts, places]).toEqual([
      'array',
      ['{"a":"],[{"}', '{"b":\n 2 }', '"x y"', '7'],
      ['f:2:4', 'f:4:3', 'f:5:8', 'f:5:15'],
    ]);
  });

  it.each([
    ['[{"a":1},{"b":2', 'ends in the middle of the record that starts at 1:10'],
    ['[{"a":1},', 'ends before its array does'],
    ['[{"a":1},,{"b":2}]', 'has no record before 1:10'],
    ['[{"a":1} {"b":2}]', 'has no comma between two records at 1:10'],
    ['[{"a":1}] tail', 'has something other than an array at 1:11'],
  ])('%s is read up to the fault', async (content, fault) => {
    const found = await read(content);
    expect(found.texts[0]).toBe('{"a":1}');
    expect(found.fault).toMatchObject({ code: 'FILE_DAMAGED', message: expect.stringContaining(fault) });
  });

  it('may be empty, and several may follow each other', async () => {
    expect(await read('[ ]\n')).toMatchObject({ form: 'array', texts: [], fault: null });
    expect((await read('[{"a":1}]\n[{"a":2}]')).texts).toEqual(['{"a":1}', '{"a":2}']);
  });
});

describe('consecutive values', () => {
  it('with nothing between them, or over several lines each', async () => {
    expect(await read('{"a":"}{"}{"a":2}\n{"a":3}')).toMatchObject({
      form: 'values',
      texts: ['{"a":"}{"}', '{"a":2}', '{"a":3}'],
      places: ['f:1:1', 'f:1:11', 'f:2:1'],
    });
    const pretty = [1, 2].map((a) => JSON.stringify({ a, payload: {} }, null, 2));
    expect(await read(pretty.join('\n'))).toMatchObject({ form: 'values', texts: pretty });
  });

  it('text between them that is not JSON becomes a record too, so that nothing is dropped silently', async () => {
    expect((await read('{"a":1}{"a":2} "oops\n{"a":3}')).texts).toEqual(['{"a":1}', '{"a":2}', '"oops', '{"a":3}']);
  });

  it('that are larger than an event are counted and left out', async () => {
    const large = `{"a":"${'x'.repeat(LIMITS.event_bytes_max)}"}`;
    expect((await read(`{"a":1}${large}{"a":3}`)).texts).toEqual(['{"a":1}', null, '{"a":3}']);
  });

  it('are split at the same places wherever the chunks end', async () => {
    const content = Buffer.from('[{"a":"\\"]"} , {"b":[1,{"c":"é"}]},\n{"d":\n"\\\\"}]');
    const { ValueScanner } = await import('../../src/files/value-records.ts');
    const whole = new ValueScanner('array').scan(content).records;
    expect(whole).toHaveLength(3);
    for (let cut = 1; cut < content.length; cut++) {
      const scanner = new ValueScanner('array');
      const parts = [content.subarray(0, cut), content.subarray(cut)].map((part) => scanner.scan(part).records);
      expect(parts.flat().map((r) => [text(r.bytes), r.line, r.column])).toEqual(
        whole.map((r) => [text(r.bytes), r.line, r.column]),
      );
    }
  });
});

describe('gzip', () => {
  const lines = Array.from({ length: 40_000 }, (_, n) => `{"n":${n},"fill":"${(n * 2654435761) % 4294967296}"}`);
  const plain = lines.join('\n');

  it('is recognised by its bytes, has many members, and zeros after it are padding', async () => {
    const members = Buffer.concat([gzipSync(lines.slice(0, 9).join('\n')), gzipSync('\n'), gzipSync(lines[9] ?? '')]);
    for (const content of [members, Buffer.concat([members, Buffer.alloc(70_000)])])
      expect((await read(content)).texts).toEqual(lines.slice(0, 10));
  });

  it('truncated, changed or followed by other data is damaged, and the records before the fault depend only on the bytes', async () => {
    const whole = gzipSync(plain);
    const changed = Buffer.from(whole);
    changed.writeUInt32LE(1, changed.length - 8);
    const faults = [
      [whole.subarray(0, whole.length - 5_000), /is truncated/],
      [changed, /damaged gzip stream/],
      [Buffer.concat([whole, Buffer.from('tail')]), /damaged gzip stream/],
      [Buffer.concat([whole, Buffer.alloc(9), whole]), /more data after the end/],
    ] as const;
    for (const [content, message] of faults) {
      const [first, second] = [await read(content), await read(content)];
      expect(first.fault).toMatchObject({ code: 'FILE_DAMAGED', message: expect.stringMatching(message) });
      expect(first.texts.length).toBeGreaterThan(lines.length / 2);
      expect(first.texts).toEqual(lines.slice(0, first.texts.length));
      expect(second.texts.length).toBe(first.texts.length);
    }
  });

  it('that is damaged from the start is refused', async () => {
    expect(await refusal(gzipSync(lines.slice(0, 50).join('\n')).subarray(0, 60))).toMatch(
      /^FILE_DAMAGED F is truncated.*0 records were taken/,
    );
  });
});

describe('a file without records is refused with the fault of its first line', () => {
  it.each([
    [
      'source,event_type,entity_id,payload\nshop,t,1,{}\n',
      /F:1: looks like CSV \(columns source, event_type, entity_id, payload\)/,
    ],
    ['"a";"b"\n1;2\n', /looks like CSV \(columns a, b\)/],
    ['hello\nworld\n', /F:1: not JSON/],
    ['\n\n{"a":1,\n', /F:3: not JSON/],
    ['{a: 1}\n{a: 2}\n', /F:1: not JSON at character 1/],
    ['{"a":1},\n{"a":2},\n', /F:1: not JSON at character 7/],
    ['[', /F ends before its array does/],
    ['[{"a":1', /F ends in the middle of the record that starts at 1:2/],
    ['[1,2]', /an event is an object, not a number/],
    ['7\n8\n', /an event is an object, not a number/],
    [Buffer.from('\ufeff{"a":1}\n', 'utf16le'), /UTF-16/],
    [Buffer.from([0x50, 0x4b, 3, 4, 0, 0]), /zip archive/],
    [gzipSync(gzipSync('{"a":1}')), /gzip inside gzip/],
  ])('%j', async (content, fault) => expect(await refusal(content)).toMatch(fault));

  it('a missing file and a directory are refused', async () => {
    await expect(openRecords('/nowhere/at-all.ndjson')).rejects.toMatchObject({ code: 'FILE_INVALID' });
    await expect(openRecords('/')).rejects.toMatchObject({ code: 'FILE_INVALID' });
  });

  it('an empty file has no records, and is not refused', async () => {
    expect(await read('')).toMatchObject({ texts: [], fault: null });
    expect(await read('\n \n')).toMatchObject({ texts: [], fault: null });
  });
});
