// Answers the function's S3 and DynamoDB requests at once from memory, so that the measurement covers only the
// function. It keeps rows, because a conditional write must find the existing row.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

type Keyed = Record<string, { S?: string }>;

interface BatchGetItem {
  readonly RequestItems: Record<string, { Keys: Keyed[] }>;
}

interface PutItem {
  readonly TableName: string;
  readonly Item: Keyed;
  readonly ConditionExpression?: string;
}

const keyOf = ({ pk, sk }: Keyed) => `${pk?.S} ${sk?.S}`;

function batchGet({ RequestItems }: BatchGetItem, rows: ReadonlyMap<string, string>): string {
  const [[table, { Keys }] = ['', { Keys: [] }]] = Object.entries(RequestItems);
  const found = Keys.map((key) => rows.get(keyOf(key))).filter((row) => row !== undefined);
  return `{"Responses":{"${table}":[${found.join(',')}]},"UnprocessedKeys":{}}`;
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Starts on a free port; returns the address and a function that stops it. */
export async function serveStub(): Promise<{ url: string; close: () => Promise<void> }> {
  const rows = new Map<string, string>();
  const server = createServer(async (incoming, outgoing) => {
    const body = await bodyOf(incoming);
    const target = incoming.headers['x-amz-target'];
    if (target === undefined) {
      outgoing.end();
      return;
    }
    outgoing.setHeader('content-type', 'application/x-amz-json-1.0');
    if (String(target).endsWith('.BatchGetItem')) {
      outgoing.end(batchGet(JSON.parse(body) as BatchGetItem, rows));
      return;
    }
    const { Item, ConditionExpression = '' } = JSON.parse(body) as PutItem;
    const key = Item === undefined ? '' : keyOf(Item);
    const there = rows.get(key);
    if (there !== undefined && ConditionExpression.startsWith('attribute_not_exists')) {
      outgoing.statusCode = 400;
      const type = 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException';
      outgoing.end(`{"__type":"${type}","message":"The conditional request failed","Item":${there}}`);
      return;
    }
    if (key !== '') rows.set(key, JSON.stringify(Item));
    outgoing.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
