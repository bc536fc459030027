import { gzipSync } from 'node:zlib';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventText, fileOf, type Kit, openKit, receiptsOf } from '../support/kit.ts';
import { runPik } from '../support/run-pik.ts';

/** Texts that line readers and JSON parsers split differently. */
const oddText = fc.oneof(
  fc.constantFrom('\u2028', 'a\u2029b', '\u0085', '\ufeff', '\v\f', 'é', '😀', '\\', '"', '},{', '\u0000'),
  fc.string({ unit: 'binary', maxLength: 8 }),
);

const number = fc.constantFrom('9007199254740993', '1.000000000000000001', '1e400', '-0', '12', '1E2');

/** Members of a payload as JSON text, some of them twice. */
const payload = fc
  .array(
    fc.tuple(
      fc.constantFrom('a', 'b', 'c'),
      fc.oneof(
        oddText.map((text) => JSON.stringify(text)),
        number,
      ),
    ),
    {
      maxLength: 3,
    },
  )
  .map((members) => `{${members.map(([name, value]) => `"${name}": ${value}`).join(' ,')}}`);

const event = fc
  .record({ entity: fc.constantFrom('p-1', 'p-2'), minute: fc.integer({ min: 0, max: 3 }), payload, key: oddText })
  .chain(({ entity, minute, payload: written, key }) =>
    fc.constantFrom(
      `{"source":"depot","event_type":"t","entity_id":"${entity}","event_time":"2026-02-01T08:0${minute}:00Z","received_at":"2026-02-01T09:00:00Z","payload":${written}}`,
      `{"idempotency_key":${JSON.stringify(key)},"payload":${written},"source":"depot","event_type":"t","entity_id":"${entity}","event_time":"2026-02-01T08:0${minute}:00Z","received_at":"2026-02-01T09:00:00Z"}`,
      `{"specversion":"1.0","id":"${minute}","source":"depot","type":"t","subject":"${entity}","time":"2026-02-01T08:00:00Z","data":${written},"received_at":"2026-02-01T09:00:00Z"}`,
      `{"source":"depot","event_type":"t","entity_id":"${entity}","event_time":"2026-02-01","received_at":"soon","payload":${written}}`,
    ),
  );

/** A line: an event, or bytes that are not an event. */
const line = fc.oneof(
  { weight: 6, arbitrary: event.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: event.map((text) => Buffer.from(text.replace('depot', 'd\u00ff'), 'latin1')) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '  ', '{', '"x"', '{"a":1}x', '[]').map((text) => Buffer.from(text)),
  },
);

const newline = Buffer.from('\n');
const joined = (parts: readonly Uint8Array[], between: Uint8Array) =>
  Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [between, part])));

const stamped = Buffer.from(eventText());

async function inKit<T>(work: (kit: Kit) => Promise<T>): Promise<T> {
  const kit = await openKit();
  try {
    return await work(kit);
  } finally {
    await kit.close();
  }
}

async function posted(route: string, body: Uint8Array<ArrayBuffer>, type = 'application/x-ndjson') {
  return inKit(async (kit) => {
    const answer = await fetch(kit.url + route, { method: 'POST', headers: { 'content-type': type }, body });
    const { counts } = (await answer.json()) as { counts: Record<string, number> };
    return { counts, receipts: receiptsOf(kit.backend) };
  });
}

async function sent(command: 'import' | 'ingest', content: Uint8Array) {
  return inKit(async (kit) => {
    const { stdout, code } = await runPik(command, fileOf(content), '--url', kit.url, '--json');
    const { counts } = JSON.parse(stdout) as { counts: Record<string, number> };
    const isFine = Object.keys(counts).every((status) => status === 'ACCEPTED' || status === 'DUPLICATE');
    expect(code).toBe(isFine ? 0 : 1);
    return { counts, receipts: receiptsOf(kit.backend) };
  });
}

describe('a file gives the same outcomes and receipts as the same bytes over HTTP', () => {
  // The first kit of a process loads many modules; that time is not part of a run.
  beforeAll(() => sent('import', stamped));

  it('lines, by import and by ingest, plain and compressed', () =>
    fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), async (lines, end) => {
        const body = joined([...lines, stamped], Buffer.from(end));
        expect(await sent('import', body)).toEqual(await posted('/import', body));
        expect(await sent('import', gzipSync(body))).toEqual(await posted('/import', body));
        expect(await sent('ingest', body)).toEqual(await posted('/ingest', body));
      }),
      runs(60),
    ));

  it('an array; and the same values consecutively as those on lines', () =>
    fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 8 }), fc.boolean(), async (texts, spread) => {
        // White space between tokens may be anything, and is kept.
        const written = [...texts, stamped.toString()].map((text) => (spread ? text.replace('{', '{\n ') : text));
        const array = Buffer.from(`[ ${written.join(' ,\n')}]`);
        const expected = await posted('/import', array, 'application/json');
        expect(await sent('import', array)).toEqual(expected);
        expect(await sent('import', Buffer.from(written.join('')))).toEqual(expected);
      }),
      runs(40),
    ));
});

describe('a long file', () => {
  const numbers = Array.from({ length: 2_500 }, (_, n) => n);
  let kit: Kit;
  beforeAll(async () => {
    kit = await openKit();
  });
  afterAll(() => kit.close());

  it('is admitted in its order, one batch after another', async () => {
    const lines = numbers.map((n) => Buffer.from(eventText({ entity_id: `p-${n}` })));
    expect((await runPik('import', fileOf(joined(lines, newline)), '--url', kit.url)).code).toBe(0);
    expect(receiptsOf(kit.backend).map(({ body }) => JSON.parse(body).entity_id)).toEqual(numbers.map((n) => `p-${n}`));
    expect(kit.backend.packs.size).toBeGreaterThan(1);
  });
});
