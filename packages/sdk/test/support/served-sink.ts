import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Script } from './producer-world.ts';
import { type ScriptedBackend, scriptedBackend } from './scripted-backend.ts';

/** A scripted backend behind a real socket. */
export interface ServedSink {
  readonly url: string;
  readonly backend: ScriptedBackend;
  close(): Promise<void>;
}

/** Serves a scripted backend on a free port of this machine; what its script throws breaks the connection. */
export async function serveSink(script?: Script): Promise<ServedSink> {
  const backend = scriptedBackend(script);
  const server = createServer((message, response) => {
    void answer(backend, message, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    backend,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(backend: ScriptedBackend, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const headers = message.headers as Record<string, string>;
  const request = new Request(`http://sink${message.url}`, { method: 'POST', headers, body: Buffer.concat(chunks) });
  const answered = await backend.fetch(request);
  const text = await answered.text();
  response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(text);
}
