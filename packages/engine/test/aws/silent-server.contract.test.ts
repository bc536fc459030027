import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { makeEventRow, makeRequestRows } from '@pik/testkit';
import { FAKE_RESOURCES } from '@pik/testkit/aws';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createAwsClients } from '../../src/backends/aws/clients.ts';
import { openAwsBackend } from '../../src/backends/aws/open.ts';
import type { Backend } from '../../src/ports/backend.ts';

// R2b with the real clients: a server that accepts connections and sends nothing, or stops in the middle of an answer.
// By default a client would wait for ever.

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';

let server: Server;
let backend: Backend;
let sockets: Set<Socket>;
/** The answer of the server to every request. */
let answer: string;
let asked: number;
/** The head of the last request. */
let head: string;

beforeEach(async () => {
  sockets = new Set();
  answer = '';
  asked = 0;
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      asked += 1;
      head = data.toString('latin1').split('\r\n\r\n')[0] ?? '';
      socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clients = createAwsClients({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    requestMs: 100,
  });
  const queueUrl = `${endpoint}/queue`;
  backend = openAwsBackend({ ...FAKE_RESOURCES, queueUrl, deadLetterQueueUrl: queueUrl, clients, callMs: 1_500 });
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const CALLS: Readonly<Record<string, () => Promise<unknown>>> = {
  'S3 PutObject': () => backend.rawLog.append(PACK, Uint8Array.of(1)),
  'S3 GetObject': () => backend.rawLog.read(PACK),
  'DynamoDB PutItem': () => backend.index.admit([makeEventRow(PACK)], () => makeRequestRows()),
  'DynamoDB Query': () => backend.index.getDeliveries(makeEventRow(PACK)),
  'SQS SendMessageBatch': () => backend.queue.send([{ message_id: 'a', body: '{}' }]),
};

it.each(Object.keys(CALLS))(
  'R2b: %s against a silent server ends with a retryable error after more than one attempt',
  async (name) => {
    await expect(CALLS[name]?.()).rejects.toMatchObject({ retryable: true });
    expect(asked).toBeGreaterThan(1);
  },
);

it('R2b: a large body is sent without Expect: 100-continue, whose wait has no time limit', async () => {
  await expect(backend.rawLog.append(PACK, new Uint8Array(3_000_000))).rejects.toMatchObject({ retryable: true });
  expect(head).toContain('content-length: 3000000');
  expect(head.toLowerCase()).not.toContain('expect:');
});

it('R2b, R4: a download that stops in the middle ends with the deadline', async () => {
  answer = 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf of it';
  await expect(backend.rawLog.read(PACK)).rejects.toMatchObject({ code: expect.stringMatching(/^RAW_/) });
});

it('R2b, H9: clients are made in only one place, and do not retry on their own', async () => {
  const root = join(import.meta.dirname, '../../src');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const made = files.filter((file) => /new (S3|DynamoDB|SQS)Client\b/.test(readFileSync(join(root, file), 'utf8')));
  expect(made).toEqual([join('backends', 'aws', 'clients.ts')]);
  for (const client of Object.values(createAwsClients({ region: 'us-east-1' }))) {
    expect(await client.config.maxAttempts()).toBe(1);
    client.destroy();
  }
});
