import { gzipSync } from 'node:zlib';

import fc from 'fast-check';

// Requests that no well-behaved client sends, and good ones with some bytes changed. Texts are built from tokens rather
// than serialised from values: half of the inputs that break a JSON parser do not come from a value.

/** One request to ingest. */
export interface BadRequest {
  readonly path: string;
  readonly type: string;
  readonly encoding: string | null;
  /** The bytes sent. */
  readonly wire: Uint8Array<ArrayBuffer>;
  /** The bytes before compression. */
  readonly body: Uint8Array;
}

const quoted = (text: string) => JSON.stringify(text);

/** Tokens written one after another, with a space between. */
const tokens = (list: string) => fc.constantFrom(...list.split(' '));

const wellFormed = fc.oneof(
  tokens('0 -0 1.0 1E+2 5e-324 1e400 -1e400 1e-400 9007199254740993 -9223372036854775808 true false null {} []'),
  tokens('"" "\\ud800" "\\udc00\\ud800" "\\ud83d\\ude00" "\\u0000" "\\u001f" "\u007f" "\u2028" "\\/" "9".constructor'),
  tokens('"__proto__" "#/../..|\\\\" "%2F\\r\\n" "=cmd()" "<script>" "occurrence" "1.0"'),
  fc.constantFrom('9'.repeat(400), `0.${'1'.repeat(400)}`, '" "', quoted('é'.repeat(300)), quoted('😀'.repeat(50))),
);
const malformed = tokens(
  '01 +1 .5 1. - 0x1 NaN -Infinity 1_000 "\\x" "\\u12" "open \'single\' "\t" nul undefined [,] {,} {"a"} {"a":} /**/1  ',
);
const times = fc.oneof(
  tokens(
    '2025-12-28T23:59:60Z 2025-12-28T10:00:60Z 0000-01-01T00:00:00Z 0001-01-01T00:00:00+23:59 9999-12-31T23:59:59.999999999Z',
  ),
  tokens(
    '2025-12-28 2025-12-28T10:00:00 20251228T100000Z 2025-W52-7 +275760-09-13T00:00:00Z 2025-12-28T10:00:00.1234567891Z',
  ),
  tokens('2025-02-30T00:00:00Z 2025-12-28t10:00:00z 2025-12-28T10:00:00-00:00 2025-12-28T24:00:00Z now 1735430399'),
);
const names = fc.oneof(
  tokens(
    'source event_type entity_id event_time payload idempotency_key producer identity sent_at received_at traceparent',
  ),
  tokens(
    'schema_version specversion id type subject time data __proto__ constructor prototype toString toJSON then length',
  ),
  fc.constantFrom('', '\ud800', 'a/b~c'),
);

const { value } = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  list: fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join()}]`),
  object: fc.array(fc.tuple(names, tie('value')), { maxLength: 4 }).map(objectText),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 12, arbitrary: wellFormed },
    { weight: 1, arbitrary: malformed },
    { weight: 2, arbitrary: times.map(quoted) },
    { weight: 3, arbitrary: tie('list') },
    { weight: 3, arbitrary: tie('object') },
  ),
}));

function objectText(members: Members): string {
  return `{${members.map(([name, text]) => `${quoted(name)}:${text}`).join()}}`;
}

const good = fc
  .record({ entity: fc.nat(200), n: fc.nat(3), key: fc.option(fc.nat(5)), cloud: fc.boolean() })
  .map(({ entity, n, key, cloud }) => {
    const base = { entity: quoted(`e${entity}`), time: '"2025-12-28T10:00:00Z"', payload: `{"n":${n}}` };
    if (cloud) {
      const fields = {
        specversion: '"1.0"',
        id: quoted(`k${key}`),
        source: '"/s"',
        type: '"t"',
        subject: base.entity,
        time: base.time,
        data: base.payload,
      };
      return Object.entries(fields);
    }
    const fields = {
      source: '"s"',
      event_type: '"t"',
      entity_id: base.entity,
      event_time: base.time,
      payload: base.payload,
    };
    return Object.entries(key === null ? fields : { ...fields, idempotency_key: quoted(`k${key}`) });
  });

type Members = readonly (readonly [name: string, text: string])[];

const spoil = fc.record({
  how: fc.constantFrom('replace', 'drop', 'repeat', 'add', 'time', 'received', 'payload', 'id'),
  at: fc.nat(),
  name: names,
  text: value,
  time: times,
});

function spoilt(
  members: Members,
  { how, at, name, text, time }: { how: string; at: number; name: string; text: string; time: string },
): Members {
  const i = at % (members.length || 1);
  const put = (which: RegExp | number, instead: string) =>
    members.map((member, j): Members[number] =>
      (typeof which === 'number' ? j === which : which.test(member[0])) ? [member[0], instead] : member,
    );
  if (how === 'replace') return put(i, text);
  if (how === 'drop') return members.toSpliced(i, 1);
  if (how === 'repeat') return [...members, ...members.slice(i, i + 1)];
  if (how === 'add') return [...members, [name, text]];
  if (how === 'time') return put(/time$/, quoted(time));
  // Receive times of imports; one of them lies ahead of every clock.
  if (how === 'received') return [...members, ['received_at', quoted(time)]];
  return how === 'payload' ? put(/^(payload|data)$/, `{"n":${text}}`) : put(/^(source|type|subject|entity_id)$/, text);
}

/** A good record of which some members are replaced, dropped, repeated or added. */
const spoiled = fc
  .tuple(good, fc.array(spoil, { maxLength: 2 }))
  .map(([members, changes]) => objectText(changes.reduce(spoilt, members as Members)));

const record = fc.oneof(
  { weight: 2, arbitrary: good.map(objectText) },
  { weight: 6, arbitrary: spoiled },
  { weight: 1, arbitrary: value },
);
const separators = fc.constantFrom(',', ',', ' ,\n', '\n', '\n', '\r\n', '\n\n \n', '', ',,', '\u2028', '\u0000');

/** Costly to make and to read, so rare. */
const heavy = fc.constantFrom(
  ...['[', '{"a":', '[[', '[{"a":'].map((open) => open.repeat(50_000)),
  `{"payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  `{"payload":{${Array.from({ length: 10_001 }, (_, i) => `"k${i}":0`).join()}}}`,
  `[${'[],'.repeat(20_000)}[]]`,
  quoted('a'.repeat(300_000)),
  '"'.repeat(100_001),
  '\\'.repeat(100_000),
  `"${'\\"'.repeat(50_000)}`,
  '9'.repeat(100_000),
  ' '.repeat(100_000),
);

const texts = fc.oneof(
  { weight: 30, arbitrary: record },
  {
    weight: 10,
    arbitrary: fc
      .tuple(fc.array(record, { maxLength: 5 }), separators)
      .map(([items, between]) => `[${items.join(between)}]`),
  },
  {
    weight: 20,
    arbitrary: fc.tuple(fc.array(record, { maxLength: 5 }), separators).map(([items, between]) => items.join(between)),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '',
      ' ',
      '\n',
      '[',
      ']',
      '{',
      '}',
      '[]',
      '{}',
      '[1] [2]',
      '{}{}',
      'null',
      '\u0000',
      '"',
      '[,]',
    ),
  },
  { weight: 2, arbitrary: fc.json() },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
);

type Change = readonly [how: 'set' | 'flip' | 'insert' | 'delete' | 'cut' | 'double', at: number, byte: number];

const changes = fc.array(
  fc.tuple(fc.constantFrom<Change[0]>('set', 'flip', 'insert', 'delete', 'cut', 'double'), fc.nat(), fc.nat(255)),
  { maxLength: 3 },
);

function change(bytes: Buffer, [how, where, byte]: Change): Buffer {
  const at = bytes.length === 0 ? 0 : where % bytes.length;
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  if (how === 'cut') return before;
  if (how === 'double') return Buffer.concat([bytes, after]);
  if (how === 'insert') return Buffer.concat([before, Buffer.of(byte), after]);
  const first = after[0];
  if (first === undefined) return bytes;
  if (how === 'delete') return Buffer.concat([before, after.subarray(1)]);
  return Buffer.concat([before, Buffer.of(how === 'set' ? byte : first ^ (1 << (byte & 7))), after.subarray(1)]);
}

/** Byte sequences that are invalid in UTF-8: overlong, truncated, a surrogate, beyond the last code point. */
const notUtf8 = fc.constantFrom('c080', 'e282', 'eda080', 'f4908080', 'ff', '80').map((hex) => Buffer.from(hex, 'hex'));

const bodies: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 50, arbitrary: texts.map((text) => Buffer.from(text)) },
  { weight: 30, arbitrary: fc.tuple(texts, changes).map(([text, list]) => list.reduce(change, Buffer.from(text))) },
  { weight: 3, arbitrary: texts.map((text) => Buffer.from(`\ufeff${text}`)) },
  { weight: 3, arbitrary: texts.map((text) => Buffer.from(text, 'utf16le')) },
  { weight: 2, arbitrary: texts.map((text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()) },
  { weight: 2, arbitrary: texts.map((text) => Buffer.from(text, 'latin1')) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(texts, notUtf8)
      .map(([text, bytes]) => Buffer.concat([Buffer.from(text.slice(0, -3)), bytes, Buffer.from(text.slice(-3))])),
  },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 2, arbitrary: heavy.map((text) => Buffer.from(text)) },
);

const JSON_TYPES = [
  'application/json',
  'Application/JSON; charset="UTF-8"',
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
];
const LINE_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];
const OTHER_TYPES = [
  'text/plain',
  'application/json; charset=utf-16',
  'multipart/form-data; boundary=x',
  '__proto__',
  ';',
  ',',
  'application/json, text/html',
];
const types = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...JSON_TYPES) },
  { weight: 20, arbitrary: fc.constantFrom(...LINE_TYPES) },
  { weight: 1, arbitrary: fc.constantFrom(...OTHER_TYPES) },
);
const encodings = fc.oneof(
  { weight: 30, arbitrary: fc.constant('none') },
  { weight: 8, arbitrary: fc.constant('gzip') },
  { weight: 3, arbitrary: fc.constantFrom('damaged gzip', 'a lie', 'br', 'gzip, gzip', 'constructor') },
);
const paths = fc.oneof(
  { weight: 30, arbitrary: fc.constant('/ingest') },
  { weight: 6, arbitrary: fc.constant('/import') },
  { weight: 4, arbitrary: fc.constantFrom('/ingest?dry_run=true', '/import?dry_run=true') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('/ingest?dry_run=1', '/ingest?x', '/ingest?dry_run=%ff', '/ingest?__proto__=true'),
  },
);

/** Bodies, content types, encodings and queries, matching or not. */
export const badRequest: fc.Arbitrary<BadRequest> = fc
  .record({ path: paths, body: bodies, type: types, encoding: encodings, damage: changes })
  .map(({ path, body, type, encoding, damage }) => {
    if (encoding === 'none') return { path, type, encoding: null, wire: new Uint8Array(body), body };
    if (encoding === 'a lie') return { path, type, encoding: 'gzip', wire: new Uint8Array(body), body };
    const packed = gzipSync(body, { level: 1 });
    if (encoding !== 'damaged gzip') return { path, type, encoding, wire: new Uint8Array(packed), body };
    return { path, type, encoding: 'gzip', wire: new Uint8Array(damage.reduce(change, packed)), body };
  });
