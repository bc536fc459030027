// Stands for API Gateway and the event source mapping: serves the bundles of the functions as they were built, over
// whatever AWS_ENDPOINT_URL names. Everything else comes from the environment, as the template sets it.
//   node serve-bundles.ts [DIRECTORY OF THE BUNDLES]
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

import type { HttpFunction } from '@pik/handlers/http-function';
import type { QueueFunction } from '@pik/handlers/processor';
import { invocation, routeOf, toEvent, toResponse } from '@pik/testkit/fixtures/functions/api-gateway';
import { recordOf } from './records.ts';

const DIST = process.argv[2] ?? join(import.meta.dirname, '../../dist');
const QueueUrl = process.env.PIK_QUEUE_URL ?? '';
const POLL_MS = 200;

async function load<T>(name: string): Promise<T> {
  const { handler } = (await import(pathToFileURL(join(DIST, name, 'index.mjs')).href)) as { handler: T };
  return handler;
}

const functions = {
  ingest: await load<HttpFunction>('ingest'),
  replay: await load<HttpFunction>('replay'),
  investigate: await load<HttpFunction>('investigate'),
};
const processor = await load<QueueFunction>('processor');

const server = createServer(async (incoming, outgoing) => {
  const request = await requestOf(incoming);
  const name = routeOf(request);
  const response = toResponse(request, await functions[name](await toEvent(request), invocation(name)));
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
});

async function requestOf(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { method = 'GET', url = '/' } = incoming;
  const headers = Object.entries(incoming.headers).map(([key, value]) => [key, String(value)] as [string, string]);
  const body = method === 'GET' || method === 'HEAD' ? null : Buffer.concat(chunks);
  return new Request(`http://${incoming.headers.host}${url}`, { method, headers, body });
}

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});

const sqs = new SQSClient({});
for (;;) {
  const receive = {
    QueueUrl,
    MaxNumberOfMessages: 1,
    MessageAttributeNames: ['All'],
    MessageSystemAttributeNames: ['All' as const],
  };
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand(receive));
  for (const message of Messages) {
    const { batchItemFailures } = await processor({ Records: [recordOf(message)] }, invocation('processor'));
    const { ReceiptHandle } = message;
    if (batchItemFailures.length === 0) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  }
  if (Messages.length === 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
