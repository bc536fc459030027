import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';

import { createFakeSQS } from '@pik/testkit/aws';
import { describeTapContract } from '@pik/testkit/taps';

import { openSqsTap } from '../src/sqs.ts';

// The SDK of AWS as client of SQS in memory, over HTTP.

const QUEUE = 'https://sqs.test/orders';

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** The SDK checks the digest of each body. */
function withDigests(answer: { Messages?: readonly { readonly Body: string }[] }): object {
  const { Messages } = answer;
  const digest = (text: string) => createHash('md5').update(text).digest('hex');
  return Messages === undefined
    ? answer
    : { Messages: Messages.map((one) => ({ ...one, MD5OfBody: digest(one.Body) })) };
}

describeTapContract(
  'of a queue of SQS',
  async () => {
    let skippedMs = 0;
    const urls = { queue: QUEUE, deadLetterQueue: 'https://sqs.test/dead' };
    const sqs = createFakeSQS(urls, { now: () => Date.now() + skippedMs });
    const server = createServer(async (request, response) => {
      const command = String(request.headers['x-amz-target']).replace('AmazonSQS.', '');
      const headers = { 'content-type': 'application/x-amz-json-1.0' };
      try {
        const answer = sqs.handle(`${command}Command`, JSON.parse(await textOf(request)));
        response.writeHead(200, headers).end(JSON.stringify(withDigests(answer)));
      } catch (error) {
        response.writeHead(400, headers).end(JSON.stringify({ __type: String(error) }));
      }
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const credentials = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' };
    Object.assign(process.env, credentials);
    return {
      async open() {
        // Messages that were received and not deleted are visible again.
        skippedMs += 31_000;
        return openSqsTap({ queueUrl: QUEUE, region: 'eu-west-1', endpoint: `http://127.0.0.1:${port}`, waitMs: 0 });
      },
      async put(texts) {
        for (const text of texts)
          sqs.handle('SendMessageBatchCommand', { QueueUrl: QUEUE, Entries: [{ Id: '1', MessageBody: text }] });
      },
      async close() {
        for (const name of Object.keys(credentials)) delete process.env[name];
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      },
    };
  },
  { ordered: false },
);
