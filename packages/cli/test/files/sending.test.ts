import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { LIMITS } from '@pik/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { batches } from '../../src/files/batches.ts';
import { lineRecords } from '../../src/files/line-records.ts';
import { openRecords } from '../../src/files/record-file.ts';
import { eventText, fileOf, type Kit, openKit, receiptsOf } from '../support/kit.ts';
import { printing, runPik } from '../support/run-pik.ts';

let kit: Kit;
beforeEach(async () => {
  kit = await openKit();
});
afterEach(() => kit.close());

const send = async (command: 'import' | 'ingest', file: string, ...options: string[]) => {
  const ran = await runPik(command, file, '--url', kit.url, '--json', ...options);
  return { ...ran, json: ran.stdout === '' ? null : JSON.parse(ran.stdout) };
};
const keys = () => receiptsOf(kit.backend).map(({ body }) => JSON.parse(body).idempotency_key);
const numbered = (count: number) => Array.from({ length: count }, (_, n) => eventText({ entity_id: `p-${n}`, n }));
const problem = (status: number, code: string) => {
  const body = { type: '', title: '', status, code, request_id: 'r', retryable: true };
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/problem+json' } });
};
const places = (named: { place: string; code: string }[]) =>
  named.map(({ place, code }) => `${place.replace(/^.*\//, '')} ${code}`);

describe('the order of a file', () => {
  it('decides which of the records with one receive time is first, across all requests', async () => {
    const asked: string[] = [];
    kit.intercept = ({ method, url }) => {
      if (method === 'POST') asked.push(new URL(url).search);
      return null;
    };
    const file = fileOf(
      Array.from({ length: 1_200 }, (_, n) => eventText({ idempotency_key: 'k', payload: { n } })).join('\n'),
    );
    const { json } = await send('import', file);
    expect(json.counts).toEqual({ ACCEPTED: 1, CONFLICT: 1_199 });
    expect(asked).toEqual(['?first_line=1', '?first_line=1001']);
    const [first] = receiptsOf(kit.backend);
    const event = await kit.backend.index.getEvent(first?.event_id ?? '');
    expect(event).toMatchObject({ pack_id: [...kit.backend.packs.keys()].sort()[0], line: 0 });
  });
});

describe('a record that is not accepted stops no other', () => {
  it('records that are too large are counted and named by line; a second run finds the others stored', async () => {
    const lines = numbered(1_500);
    lines[700] = eventText({ payload: { fill: 'x'.repeat(LIMITS.event_bytes_max) } });
    lines[1_200] = '{"source":"depot"}';
    const file = fileOf(lines.join('\n'));
    const name = file.replace(/^.*\//, '');
    const first = await send('import', file);
    expect([first.code, first.json.counts]).toEqual([1, { ACCEPTED: 1_498, NOT_SENT: 1, REJECTED: 1 }]);
    expect(places(first.json.not_taken)).toEqual([`${name}:701 EVENT_TOO_LARGE`]);
    expect(places(first.json.rejected)).toEqual([`${name}:1201 FIELD_MISSING`]);
    const again = await send('import', file);
    expect([again.code, again.json.counts]).toEqual([1, { DUPLICATE: 1_498, NOT_SENT: 1, REJECTED: 1 }]);
    const shown = await runPik('import', file, '--url', kit.url);
    expect(shown.stdout).toMatch(/first records that were not taken:[\s\S]*:701 +EVENT_TOO_LARGE/);
  });

  it('a record on which the backend fails is left out, and the others are stored', async () => {
    kit.intercept = async (request) => {
      if (request.method !== 'POST') return null;
      const body = Buffer.from(await request.clone().arrayBuffer());
      const { gunzipSync } = await import('node:zlib');
      const text = (request.headers.get('content-encoding') === 'gzip' ? gunzipSync(body) : body).toString();
      return text.includes('"p-5"') ? problem(500, 'IDENTITY_COLLISION') : null;
    };
    const file = fileOf(numbered(40).join('\n'));
    const { code, json } = await send('import', file);
    expect([code, json.counts]).toEqual([1, { ACCEPTED: 39, UNDELIVERED: 1 }]);
    expect(places(json.not_taken)).toEqual([`${file.replace(/^.*\//, '')}:6 IDENTITY_COLLISION`]);
  });

  it('a backend that fails on every record is not asked about each of them', async () => {
    let requests = 0;
    kit.intercept = () => {
      requests += 1;
      return problem(500, 'IDENTITY_COLLISION');
    };
    const { code, json } = await send('import', fileOf(numbered(900).join('\n')));
    expect([code, json.counts, json.stopped.code]).toEqual([3, { UNDELIVERED: 2 }, 'IDENTITY_COLLISION']);
    expect(requests).toBeLessThan(20);
  });

  it('a record that spans lines and is not UTF-8 takes no other of its array with it', async () => {
    const [first = '', second = '', third = ''] = numbered(3).map((line) => line.replace('{', '{\n'));
    const broken = Buffer.from(second.replace('depot', 'd\u00ffpot'), 'latin1');
    const array = Buffer.concat([Buffer.from(`[${first},`), broken, Buffer.from(`,${third}]`)]);
    const { code, json } = await send('import', fileOf(array));
    expect([code, json.counts]).toEqual([1, { ACCEPTED: 2, NOT_SENT: 1 }]);
    expect(json.not_taken).toMatchObject([{ line: 2, code: 'UTF8_INVALID' }]);
    expect(receiptsOf(kit.backend).map(({ body }) => body)).toEqual([first, third]);
  });

  it('text between values that span lines is rejected by itself', async () => {
    const [first, second] = numbered(2).map((line) => line.replace('{', '{\n'));
    const { code, json } = await send('import', fileOf(`${first} ]"oops\n${second}`));
    expect([code, json.counts]).toEqual([1, { ACCEPTED: 2, REJECTED: 1 }]);
    expect(receiptsOf(kit.backend).map(({ body }) => body)).toEqual([first, ']"oops', second]);
  });

  it('a record that only the backend finds too large is named, whatever the limit is', async () => {
    kit.intercept = async (request) => {
      const body = Buffer.from(await request.clone().arrayBuffer());
      return body.includes('"p-2"') ? problem(413, 'BODY_TOO_LARGE') : null;
    };
    const { code, json } = await send('import', fileOf(numbered(4).join('\n')));
    expect([code, json.counts]).toEqual([1, { ACCEPTED: 3, NOT_SENT: 1 }]);
  });

  it('lists the first rejections in file order', async () => {
    const lines = numbered(3_000).map((line, n) => (n % 7 === 3 ? `{"n":${n}}` : line));
    const { json } = await send('import', fileOf(lines.join('\n')));
    expect(json.rejected.map(({ line }: { line: number }) => line)).toEqual(
      Array.from({ length: 10 }, (_, i) => 4 + 7 * i),
    );
  });

  it('lists conflicts, and exits with 1', async () => {
    const lines = [1, 2].map((n) => eventText({ idempotency_key: 'k', payload: { n } }));
    const file = fileOf(lines.join('\n'));
    const { code, json } = await send('import', file);
    expect([code, json.counts, json.conflicts]).toEqual([
      1,
      { ACCEPTED: 1, CONFLICT: 1 },
      [expect.objectContaining({ line: 2, receipt: expect.stringMatching(/\/1$/) })],
    ]);
    const { stdout } = await runPik('import', file, '--url', kit.url);
    expect(stdout).toMatch(/:2 +CONFLICT +same key as \w+, with another payload/);
  });
});

describe('an interrupted run says where it stopped and how many records were taken', () => {
  it('a backend that refuses the key half-way', async () => {
    let requests = 0;
    kit.intercept = () => (++requests > 1 ? problem(401, 'UNAUTHENTICATED') : null);
    const file = fileOf(numbered(2_500).join('\n'));
    const { code, json, stderr } = await send('import', file);
    expect([code, json.counts, json.stopped.code]).toEqual([3, { ACCEPTED: 1_000 }, 'UNAUTHENTICATED']);
    expect(stderr).toMatch(/:1001: .*1,000 records before that were taken; run it again to continue/);
    kit.intercept = () => null;
    expect((await send('import', file)).json.counts).toEqual({ DUPLICATE: 1_000, ACCEPTED: 1_500 });
  });

  it('a file that turns out to be damaged sends nothing', async () => {
    const whole = gzipSync(Array.from({ length: 40_000 }, (_, n) => eventText({ n: Math.sin(n) })).join('\n'));
    const { code, json, stderr } = await send('import', fileOf(whole.subarray(0, -100)));
    expect([code, json, kit.backend.packs.size]).toEqual([3, null, 0]);
    expect(stderr).toMatch(/FILE_DAMAGED: .*is truncated.*0 records were taken, nothing was sent.*gzip -dc/);
    const array = await send('import', fileOf(`[${numbered(3_000).join(',')}`));
    expect([array.code, array.json, kit.backend.packs.size]).toEqual([3, null, 0]);
  });

  it('a file of another form is wrong usage, and sends nothing', async () => {
    const { code, stdout, stderr } = await send('import', fileOf('id,name\n1,x\n'));
    expect([code, stdout, kit.backend.packs.size]).toEqual([2, '', 0]);
    expect(stderr).toMatch(/^pik: FILE_INVALID: .*:1: looks like CSV/);
  });
});

describe('--key', () => {
  it('uses the characters of the value, so that a long number loses no digit', async () => {
    const ids = ['1541815603606036480', '1541815603606036481', '-0', '1.50', '1e3', '"caf\\u00e9 \\"x\\""', '"9"'];
    const lines = ids.map((id) => `{ "id" : ${id} ,${eventText().slice(1)}`);
    const { code, json } = await send('import', fileOf(lines.join('\n')), '--key', 'id');
    expect([code, json.counts]).toEqual([0, { ACCEPTED: ids.length }]);
    expect(keys()).toEqual(ids.map((id) => (id.startsWith('"') ? JSON.parse(id) : id)));
    expect(receiptsOf(kit.backend)[0]?.body).toBe(`{"idempotency_key":"${ids[0]}",${lines[0]?.slice(1)}`);
  });

  it('a record without the field, or with a key of its own, is not sent; a warning precedes all others', async () => {
    const lines = numbered(1_500);
    lines[3] = eventText({ idempotency_key: 'own', n: 3 });
    lines[1_400] = eventText();
    lines[1_410] = eventText({ n: { deep: 1 } });
    lines[1_420] = eventText({ n: '' });
    lines[1_430] = 'not JSON';
    const file = fileOf(lines.join('\n'));
    let saidBefore: string | null = null;
    kit.intercept = () => {
      saidBefore ??= printing.stderr;
      return null;
    };
    const { code, json, stderr } = await send('import', file, '--key', 'n');
    expect([code, json.counts, saidBefore]).toEqual([1, { ACCEPTED: 1_495, NOT_SENT: 4, REJECTED: 1 }, stderr]);
    expect(json.not_taken.map(({ line, code: why }: { line: number; code: string }) => [line, why])).toEqual([
      [4, 'FIELD_INVALID'],
      [1_401, 'FIELD_MISSING'],
      [1_411, 'FIELD_INVALID'],
      [1_421, 'FIELD_INVALID'],
    ]);
    expect(stderr).toMatch(
      /^--key n: 4 of 1,500 records will not be sent; the first is .*:4: it already has another key/,
    );
  });

  it('is refused if no record can have it, with nothing sent', async () => {
    for (const lines of [numbered(5), numbered(5).map((line) => line.replace('"n":', '"idempotency_key":"a","n":'))]) {
      const key = lines[0]?.includes('idempotency_key') ? 'n' : 'nothing';
      const { code, stderr } = await send('import', fileOf(lines.join('\n')), '--key', key);
      expect([code, kit.backend.packs.size]).toEqual([2, 0]);
      expect(stderr).toMatch(/FILE_INVALID: .*:1: --key .* nothing was sent/);
    }
  });

  it('that already is the key changes nothing: idempotency_key, and the id of a CloudEvent', async () => {
    const own = eventText({ idempotency_key: 'k-1' });
    const { payload, event_type, ...rest } = JSON.parse(eventText());
    const cloud = JSON.stringify({
      ...rest,
      specversion: '1.0',
      id: 'c-1',
      type: event_type,
      subject: 's',
      data: payload,
      time: rest.event_time,
    });
    await send('import', fileOf(own), '--key', 'idempotency_key');
    await send('import', fileOf(cloud), '--key', 'id');
    expect(receiptsOf(kit.backend)).toMatchObject([
      { body: own, reject_code: null },
      { body: cloud, reject_code: null },
    ]);
  });

  it('leaves a record with a repeated field unchanged: the backend rejects it', async () => {
    const twice = `{"n":1,${eventText({ n: 2 }).slice(1)}`;
    await send('import', fileOf(`${numbered(2)[1]}\n${twice}`), '--key', 'n');
    expect(receiptsOf(kit.backend)[1]).toMatchObject({ body: twice, reject_code: 'JSON_DUPLICATE_KEY' });
  });
});

describe('the order of a file', () => {
  it('is the order of the requests: each waits for the answer to the one before', async () => {
    let underWay = 0;
    let most = 0;
    kit.intercept = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      for (let turns = 0; turns < 50; turns++) await setImmediate();
      underWay -= 1;
      return null;
    };
    await send('import', fileOf(numbered(4_500).join('\n')));
    expect([most, kit.backend.packs.size]).toEqual([1, 5]);
  });

  it('is kept with a bounded part of the file in memory, however long it is', async () => {
    let read = 0;
    const chunk = Buffer.from(`${numbered(500).join('\n')}\n`);
    const endless = async function* () {
      for (;;) {
        read += chunk.length;
        yield chunk;
      }
    };
    const source = { ...(await openRecords(fileOf('{}'))), records: lineRecords(endless()) };
    let taken = 0;
    for await (const batch of batches(source, (bytes) => ({ bytes }))) {
      for (const { record } of batch) taken += record.size + 1;
      // One batch, and the other records of its last chunk.
      expect(read - taken).toBeLessThanOrEqual(2 * chunk.length);
      if (taken > 50 * chunk.length) break;
    }
  });
});

describe('ingest', () => {
  it('sends records unchanged; a record without a time gets the current time and is an event of its own', async () => {
    const { event_time, ...timeless } = JSON.parse(eventText({ payload: { id: 1 } }));
    const text = JSON.stringify(timeless).replace('"id":1', '"id":9007199254740993');
    const lines = [eventText(), text, text, text.replace('{', '{"idempotency_key":"k",')];
    const { code, json } = await send('ingest', fileOf(lines.join('\n')));
    expect([code, json.counts, json.acked]).toEqual([0, { ACCEPTED: 4 }, 4]);
    const bodies = receiptsOf(kit.backend).map(({ body }) => body);
    expect(bodies[0]).toBe(lines[0]);
    for (const body of bodies.slice(1)) expect(body).toContain('"payload":{"id":9007199254740993}}');
    expect(bodies.slice(1).map((body) => JSON.parse(body).producer?.seq)).toEqual([1, 2, undefined]);
  });
});
