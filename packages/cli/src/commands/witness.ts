import { createServer, type IncomingMessage } from 'node:http';

import { openWitness, parseVerifierKey, type Witness } from '@pik/engine';
import { openWitnessFiles } from '@pik/engine/local';
import { KitError } from '@pik/schema';

import { listenAddress } from '../addresses.ts';
import { writeOut } from '../output.ts';

/** Options of `pik witness`. */
export interface WitnessOptions {
  readonly data: string;
  readonly name: string;
  readonly log: readonly string[];
  readonly port: string;
  readonly host: string;
}

/** A request has a checkpoint and at most 63 hashes. */
const BODY_BYTES_MAX = 64 * 1024;

/** Serves a witness until SIGINT or SIGTERM. */
export async function witness({ data, name, log, port, host }: WitnessOptions): Promise<void> {
  const files = openWitnessFiles(data);
  const signer = await openWitness({ ...files, name, logs: log.map(parseVerifierKey), nowMs: Date.now });
  const address = listenAddress(host);
  const server = createServer((request, response) => {
    answer(signer, request).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (error: unknown) => {
        const status = KitError.is(error) && error.code === 'BODY_TOO_LARGE' ? 413 : 500;
        response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end('not signed\n');
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new KitError('CONFIG_INVALID', cause.message, { cause })));
    server.listen(Number(port), address.host, resolve);
  });
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => resolve());
  });
  const bound = server.address();
  const at = typeof bound === 'object' && bound !== null ? bound.port : 0;
  writeOut(`pik witness ${signer.key.text}\nlistens at http://${address.urlHost}:${at}\n`);
  await stopped;
  server.closeIdleConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function answer(signer: Witness, request: IncomingMessage) {
  const isAsked = request.method === 'POST' && request.url === '/add-checkpoint';
  if (!isAsked) return { status: 404, type: 'text/plain; charset=utf-8', body: 'POST /add-checkpoint\n' };
  return signer.addCheckpoint(await bodyOf(request));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) throw new KitError('BODY_TOO_LARGE', 'the body is larger than a request can be');
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString('utf8');
}
