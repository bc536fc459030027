// Makes the golden vectors by another path than the code under test: `canonicalize` from npm, Node's own hashes, BigInt.
// Run once; the files it wrote never change. `node vectors/generate.ts` prints what would be different.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import canonicalize from 'canonicalize';

const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest();
const jcs = (value: unknown) => canonicalize(value) as string;

interface Fields {
  source: string;
  event_type: string;
  entity_id: string;
  event_time: string;
  payload: unknown;
  idempotency_key?: string;
  producer?: { id: string; seq: number };
  identity?: 'occurrence';
}

/** Nanoseconds since 0000-01-01T00:00:00Z of a fixed-width UTC time. */
function nanosOf(utc: string): bigint {
  const ms = BigInt(Date.parse(`${utc.slice(0, 19)}Z`)) + 719_528n * 86_400_000n;
  return ms * 1_000_000n + BigInt(utc.slice(20, 29));
}

function fixedWidth(time: string): string {
  const [, seconds, fraction = '', offset] = /^(.{19})(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time) as unknown as string[];
  const utc = new Date(Date.parse(`${seconds}${offset}`)).toISOString().slice(0, 19);
  return `${utc}.${fraction.padEnd(9, '0')}Z`;
}

function base32hex(bytes: Uint8Array): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.padEnd(Math.ceil(bits.length / 5) * 5, '0').match(/.{5}/g) ?? [])
    .map((five) => Number.parseInt(five, 2).toString(32))
    .join('');
}

function eventId(fields: Fields) {
  const event_time = fixedWidth(fields.event_time);
  const payload_hash = sha256(jcs(fields.payload)).toString('hex');
  const head = [fields.source, fields.event_type, fields.entity_id];
  const rule = fields.idempotency_key !== undefined ? 'key' : (fields.identity ?? 'content');
  const identity =
    rule === 'key'
      ? ['pik1', 'key', ...head, fields.idempotency_key]
      : rule === 'occurrence'
        ? ['pik1', 'occurrence', ...head, fields.producer?.id, fields.producer?.seq, event_time]
        : ['pik1', 'content', ...head, event_time, payload_hash];
  const time = Buffer.from((rule === 'key' ? 0n : nanosOf(event_time)).toString(16).padStart(18, '0'), 'hex');
  const bytes = Buffer.concat([sha256(fields.entity_id).subarray(0, 8), time, sha256(jcs(identity)).subarray(0, 12)]);
  return { fields, payload_hash, event_id: base32hex(bytes) };
}

const base: Fields = {
  source: 'ios_app',
  event_type: 'purchase',
  entity_id: 'user_123',
  event_time: '2025-12-28T23:59:59Z',
  payload: { any: 'json' },
};
const producer = { id: '01890a5d-ac96-774b-bcce-b302099a8057', seq: 1 };
const cases: Fields[] = [
  base,
  { ...base, payload: { any: 'other' } },
  { ...base, payload: [] },
  {
    ...base,
    payload: {
      b: 1,
      a: [1, 2.5, -0, 1e21, 1e-7, 9007199254740992],
      é: 'ü\u2028"\\\n',
      '\ud83d\ude00': null,
      true: false,
    },
  },
  { ...base, event_time: '2025-12-29T01:59:59+02:00' },
  { ...base, event_time: '2025-12-28T23:59:59.000000001Z' },
  { ...base, event_time: '2025-12-28T23:59:59.123456789Z' },
  { ...base, event_time: '0001-01-01T00:00:00Z' },
  { ...base, event_time: '1969-12-31T23:59:59.999999999Z' },
  { ...base, event_time: '1970-01-01T00:00:00Z' },
  { ...base, event_time: '9999-12-31T23:59:59.999999999Z' },
  { ...base, source: 'a|b', event_type: 'c' },
  { ...base, source: 'a', event_type: 'b|c' },
  { ...base, source: 'a#TYPE#b', event_type: 'c' },
  { ...base, source: '../x/source=evil', event_type: '%2F' },
  { ...base, entity_id: 'é' },
  { ...base, entity_id: 'e\u0301' },
  { ...base, entity_id: '\ud83d\ude00'.repeat(50) },
  { ...base, entity_id: '"quoted\\"' },
  { ...base, idempotency_key: 'k1' },
  { ...base, idempotency_key: 'k1', event_time: '2026-01-01T00:00:00Z', payload: { any: 'thing' } },
  { ...base, idempotency_key: '0' },
  { ...base, idempotency_key: 'k1', identity: 'occurrence', producer },
  { ...base, identity: 'occurrence', producer },
  { ...base, identity: 'occurrence', producer: { ...producer, seq: 2 } },
  { ...base, identity: 'occurrence', producer: { ...producer, seq: 9007199254740991 } },
  { ...base, producer },
];
write('identity.json', { vectors: cases.map(eventId) });

// A deletion has a payload of null, under each of the three rules.
const deleted = { ...base, payload: null };
write('tombstone.json', {
  vectors: [
    deleted,
    { ...deleted, idempotency_key: 'k1' },
    { ...deleted, identity: 'occurrence' as const, producer },
  ].map(eventId),
});

// RFC 8785: the sample of section 3.2.2 and the number samples of appendix B, among others.
const texts = [
  '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
  '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}',
  '[0,-0,5e-324,-5e-324,1.7976931348623157e308,9007199254740992,-9007199254740992,295147905179352830000,9.999999999999997e22,1e23,1.0000000000000001e23,999999999999999700000,1e21,9.999999999999997e-7,0.000001,333333333.3333332]',
  '{"":{"b":[],"a":{}},"__proto__":{"x":1},"constructor":null}',
  '[]',
];
write('canonical.json', {
  vectors: texts.map((text) => ({
    text,
    canonical: jcs(JSON.parse(text)),
    sha256: sha256(jcs(JSON.parse(text))).toString('hex'),
  })),
});

function write(name: string, value: unknown): void {
  const file = new URL(name, import.meta.url);
  const text = `${JSON.stringify(value, null, 2)}\n`;
  if (!existsSync(file)) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text)
    console.error(`${name} would be different: golden vectors never change`);
}
