import { request as ask, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

/** A forward proxy: absolute URLs for http, CONNECT for https. Only the proxy can resolve the host `kit.corp`. */
export interface ForwardProxy {
  readonly url: string;
  /** The requests, in order. */
  readonly seen: { readonly method: string; readonly target: string; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}

/** Starts a proxy on a free port. With credentials, it refuses clients that do not send them. */
export async function startProxy({ port, credentials }: { port: number; credentials?: string }): Promise<ForwardProxy> {
  const seen: ForwardProxy['seen'] = [];
  const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
  const note = ({ method = '', url = '', headers }: IncomingMessage) => {
    const authorization = headers['proxy-authorization'];
    seen.push({ method, target: url, authorization });
    return wanted === undefined || authorization === wanted;
  };
  const server = createServer((message, response) => {
    if (note(message)) forward(message, response, port);
    else response.writeHead(407).end();
  });
  server.on('connect', (message: IncomingMessage, socket) => {
    if (!note(message)) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const [one, other] of [[upstream, socket] as const, [socket, upstream] as const])
      one.on('error', () => other.destroy());
  });
  await listen(server);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, close: () => close(server) };
}

function forward(message: IncomingMessage, response: ServerResponse, port: number): void {
  const { pathname, search } = new URL(message.url ?? '');
  const { method = 'GET', headers } = message;
  const upstream = ask({ host: '127.0.0.1', port, method, headers, path: pathname + search }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  upstream.on('error', () => response.destroy());
  message.pipe(upstream);
}

/** Listens on a free port of this machine. */
export function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

/** Ends a server and all its connections. */
export function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
