import { createHash, createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { RawEvent } from '@pik/schema';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { outgoing } from '../src/deliver/outgoing.ts';
import { createPace } from '../src/deliver/pace.ts';
import { eventText, fileOf, type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

// A kit and a receiver over sockets. The receiver's answers are those of the test.

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
const dir = mkdtempSync(join(tmpdir(), 'pik-deliver-'));
let kit: Kit;
let receiver: Server;
let url = '';
let journals = 0;
let journal = '';
let requests: { headers: IncomingHttpHeaders; body: string }[] = [];
let answer: (body: string) => { status: number; body?: string };

beforeAll(async () => {
  kit = await openKit();
  const events = ['a', 'b'].flatMap((entity) =>
    [3, 1, 2].map((n) =>
      eventText({
        entity_id: entity,
        event_time: `2026-02-01T08:0${n}:00Z`,
        payload: { n, big: 1 },
        idempotency_key: `${entity}${n}`,
      }),
    ),
  );
  await runPik('ingest', fileOf(`${events.join('\n')}\n`), '--url', kit.url);
  receiver = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    requests.push({ headers: request.headers, body });
    const { status, body: text = '' } = answer(body);
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(text);
  });
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await kit.close();
  await new Promise((done) => receiver.close(done));
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  requests = [];
  answer = () => ({ status: 200 });
  journal = join(dir, `journal-${++journals}`);
});
afterEach(() => vi.unstubAllEnvs());

const deliver = (target: string, ...args: string[]) =>
  runPik(
    'deliver',
    target,
    '--from',
    '2026-02-01',
    '--to',
    '2026-02-02',
    '--rate',
    '1000',
    '--json',
    '--url',
    kit.url,
    ...args,
  );
const keep = () => ['--journal', journal];
const sentTo = (entity: string) =>
  requests
    .map(({ body }) => JSON.parse(body))
    .filter(({ entity_id }) => entity_id === entity)
    .map(({ payload }) => payload.n);

it('posts each event once, signed, with its id as key, in the order of its entity', async () => {
  vi.stubEnv('TARGET_SECRET', SECRET);
  const { code, stdout } = await deliver(url, ...keep(), '--secret-env', 'TARGET_SECRET');
  const { outcomes, replay_id } = JSON.parse(stdout);
  expect([code, outcomes]).toEqual([0, { DELIVERED: 6 }]);
  expect([sentTo('a'), sentTo('b')]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
  for (const { headers, body } of requests) {
    expect(headers['x-pik-replay-id']).toBe(replay_id);
    expect(headers['idempotency-key']).toMatch(/^[0-9a-v]{47}$/);
    const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const signature = createHmac('sha256', Buffer.alloc(24, 7)).update(text).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signature}`);
  }
  const again = await deliver(url, ...keep(), '--resume');
  expect([again.code, JSON.parse(again.stdout).outcomes, requests.length]).toEqual([0, {}, 6]);
  expect((await deliver(url, ...keep())).stderr).toContain('--resume');
});

it('says where to without sending, and leaves no journal', async () => {
  const { code, stdout } = await deliver(url, ...keep(), '--dry-run');
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { target: `${url}/`, would_send: 6, entities: 2 }]);
  expect([requests.length, existsSync(journal)]).toEqual([0, false]);
});

it('holds later events of an entity after a failure, and sends them when it is resumed', async () => {
  answer = (body) => ({ status: JSON.parse(body).entity_id === 'a' && JSON.parse(body).payload.n === 2 ? 422 : 200 });
  const first = await deliver(url, ...keep());
  expect([first.code, JSON.parse(first.stdout).outcomes]).toEqual([1, { DELIVERED: 4, FAILED: 1, HELD: 1 }]);
  expect(first.stderr).toContain('TARGET_REFUSED: the receiver answered 422');
  answer = () => ({ status: 200 });
  requests = [];
  const second = await deliver(url, ...keep(), '--resume');
  expect([second.code, JSON.parse(second.stdout).outcomes]).toEqual([0, { DELIVERED: 2 }]);
  expect([sentTo('a'), sentTo('b')]).toEqual([[2, 3], []]);
});

it('tries again what another attempt may change', async () => {
  let refusals = 3;
  answer = () => ({ status: refusals-- > 0 ? 503 : 200 });
  const { code } = await deliver(url, ...keep(), '--parallel', '1');
  expect([code, requests.length]).toEqual([0, 9]);
  expect([...new Set(sentTo('a'))]).toEqual([1, 2, 3]);
});

it('sends an event again whose outcome a crash has cut off, with the same key', async () => {
  await deliver(url, ...keep());
  const file = join(journal, 'outcomes.ndjson');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.slice(0, -20));
  const keys = requests.map(({ headers }) => headers['idempotency-key']);
  requests = [];
  const { code } = await deliver(url, ...keep(), '--resume');
  expect([code, requests.length]).toEqual([0, 1]);
  expect(keys).toContain(requests[0]?.headers['idempotency-key']);
  expect((await deliver(url, ...keep(), '--resume')).code).toBe(0);
  expect(requests.length).toBe(1);
});

it('sends what a transform makes, and continues with the same transform only', async () => {
  const map = fileOf('export default ({ payload }) => (payload.n === 2 ? null : { number: payload.n });', 'map.mjs');
  const { stdout } = await deliver(url, ...keep(), '--map', map);
  expect(JSON.parse(stdout).outcomes).toEqual({ DELIVERED: 4, SKIPPED: 2 });
  expect(requests.map(({ body }) => JSON.parse(body)).filter(({ number }) => number === 1)).toHaveLength(2);
  const other = await deliver(url, ...keep(), '--resume');
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('another target or transform')]);
});

it('writes to a file, and to a target of a module', async () => {
  const file = join(dir, 'out.ndjson');
  expect((await deliver(`file:${file}`, ...keep())).code).toBe(0);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).event.payload.n).toSorted()).toEqual([1, 1, 2, 2, 3, 3]);
  const own = fileOf(
    `import { appendFileSync } from 'node:fs';\nexport default { name: 'own', send: async ({ event_id }) => appendFileSync(${JSON.stringify(`${file}.own`)}, event_id + '\\n') };`,
    'target.mjs',
  );
  expect((await deliver(`module:${own}`, '--journal', `${journal}-own`)).code).toBe(0);
  expect(readFileSync(`${file}.own`, 'utf8').trimEnd().split('\n')).toHaveLength(6);
});

it('begins a line of its own after one that a crash has cut off', async () => {
  const file = join(dir, 'cut.ndjson');
  writeFileSync(file, '{"replay_id":"');
  expect((await deliver(`file:${file}`, ...keep())).code).toBe(0);
  const [cut, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect([cut, lines.map((line) => typeof JSON.parse(line).event_id)]).toEqual([
    '{"replay_id":"',
    Array(6).fill('string'),
  ]);
});

it('sends to a queue of SQS', async () => {
  const queue = `${url}/queue/orders`;
  answer = (body) => {
    // The SDK checks the digest of each body.
    const MD5OfMessageBody = createHash('md5').update(JSON.parse(body).MessageBody).digest('hex');
    return { status: 200, body: JSON.stringify({ MessageId: String(requests.length), MD5OfMessageBody }) };
  };
  for (const [name, value] of Object.entries({
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
    AWS_ENDPOINT_URL_SQS: url,
  }))
    vi.stubEnv(name, value);
  const { code, stderr } = await deliver(`sqs:${queue}`, ...keep());
  expect([code, stderr]).toEqual([0, '']);
  const [first] = requests.map(({ body }) => JSON.parse(body));
  expect(first).toMatchObject({ QueueUrl: queue, MessageAttributes: { event_id: { DataType: 'String' } } });
});

it('keeps the rate, and the distances that events had', () => {
  const rated = createPace({ perSecond: 10, speed: null });
  expect([0, 0, 0].map((nowMs) => rated.waitMs(0, nowMs))).toEqual([0, 100, 200]);
  const paced = createPace({ perSecond: 1_000, speed: 2 });
  expect([0, 1_000, 5_000].map((eventMs) => paced.waitMs(eventMs, 50))).toEqual([0, 500, 2_500]);
});

it('sends no event with masked members', async () => {
  const ids = { event_id: 'e', source: 's', event_type: 't', entity_id: 'a', event_time: '2026-02-01T08:00:00Z' };
  const events = (async function* () {
    yield { ...ids, body: '{"payload":{"mail":"•••"}}', masked: true } as unknown as RawEvent;
  })();
  await expect(outgoing(events, { replay_id: 'r', transform: null }).next()).rejects.toMatchObject({
    code: 'FORBIDDEN',
  });
});
