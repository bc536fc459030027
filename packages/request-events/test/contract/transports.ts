import { once } from 'node:events';
import http, { ServerResponse } from 'node:http';
import http2 from 'node:http2';
import net, { type Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import {
  connect,
  HUGE,
  type Options,
  world as open,
  type StartService,
  until,
  type World,
} from '../support/service.ts';

/** A request that a client has sent. */
interface Sent {
  /** Resolves with the first bytes of the answer. */
  readonly begun: Promise<unknown>;
  /** Resolves at the end, with any answer. */
  readonly over: Promise<unknown>;
  /** Cancels only this request, if the transport can. */
  leave(): void;
  /** Closes the connection in order. */
  end(): void;
  /** Resets the connection. */
  reset(): void;
}

interface Transport {
  readonly isHttp2?: boolean;
  ask(port: number, path: string): Promise<Sent>;
}

const quiet = <T extends { on(event: 'error', run: () => void): unknown }>(emitter: T) => {
  emitter.on('error', () => {});
  return emitter;
};

function over1(port: number, path: string, agent: http.Agent | false): Sent {
  const request = quiet(http.get({ host: '127.0.0.1', port, path, agent }));
  const begun = new Promise<void>((resolve) => {
    request.on('response', (response) =>
      quiet(response)
        .once('data', () => resolve())
        .resume(),
    );
  });
  const over = new Promise<void>((resolve) => request.on('close', () => resolve()));
  const end = () => request.destroy();
  return { begun, over, leave: end, end, reset: () => request.socket?.resetAndDestroy() };
}

const TRANSPORTS: Record<string, Transport> = {
  'HTTP/1.1, a connection of its own': { ask: async (port, path) => over1(port, path, false) },
  'HTTP/1.1, a kept connection': {
    async ask(port, path) {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      await over1(port, '/teapot', agent).over;
      return over1(port, path, agent);
    },
  },
  'HTTP/2': {
    isHttp2: true,
    async ask(port, path) {
      const socket = quiet(net.connect(port, '127.0.0.1'));
      const session = quiet(http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => socket }));
      const stream = quiet(session.request({ ':path': path }));
      const begun = new Promise<void>((resolve) => stream.once('data', () => resolve()));
      const over = new Promise<void>((resolve) => stream.on('close', () => resolve())).then(() => session.destroy());
      return {
        begun,
        over,
        leave: () => stream.close(http2.constants.NGHTTP2_CANCEL),
        end: () => session.destroy(),
        reset: () => socket.resetAndDestroy(),
      };
    },
  },
};

/** The table of docs/middleware.md, cell by cell. */
export function describeTransports(start: StartService, { http2: hasHttp2 }: { http2: boolean }): void {
  let world: World;
  afterEach(() => world.close());
  const events = { capture: { clientIp: true } };

  for (const [name, transport] of Object.entries(TRANSPORTS).filter(([, { isHttp2 }]) => hasHttp2 || !isHttp2))
    describe(name, () => {
      const isOver = ({ over }: Sent) => over;
      const hasBegun = ({ begun }: Sent) => begun;
      const isHeld = () => until(() => world.gate.entered.includes('held'));

      /** The payload of a request to a path that is ended by the client or the server at a given point. */
      async function ended(path: string, far: (sent: Sent) => Promise<unknown>, end: (sent: Sent) => void = () => {}) {
        world = await open(start, events, { http2: transport.isHttp2 });
        const sent = await transport.ask(world.port, path);
        await far(sent);
        end(sent);
        await sent.over;
        await until(() => world.service.stats().open === 0);
        world.gate.open();
        const count = world.service.stats().emitted;
        const seen = (await world.requests(count)).filter(({ route }) => route !== '/teapot');
        expect(seen).toHaveLength(1);
        // Includes requests whose connection is gone.
        expect(seen[0]?.client_ip).toMatch(/127\.0\.0\.1$/);
        return seen[0];
      }

      it('an answer sent completely is finished', async () => {
        expect(await ended('/hello/1', isOver)).toMatchObject({ status: 200, completion: 'finished', bytes: 13 });
      });

      it('server-sent events that the server ends are finished', async () => {
        const told = await ended('/sse', hasBegun, () => world.gate.open());
        expect(told).toMatchObject({ status: 200, completion: 'finished', bytes: 18 });
      });

      for (const [who, end] of [
        ['the client gives up', ({ leave }: Sent) => leave()],
        ['the client ends the connection', ({ end: close }: Sent) => close()],
        ['the connection is reset', ({ reset }: Sent) => reset()],
      ] as const) {
        it(`${who} before the answer: aborted, without a status`, async () => {
          expect(await ended('/held', isHeld, end)).toMatchObject({ status: null, completion: 'aborted', bytes: 0 });
        });

        for (const [path, bytes] of [
          ['/half', 4],
          ['/sse', 9],
        ] as const)
          it(`${who} within the answer of ${path}: aborted, with its status and the bytes sent`, async () => {
            expect(await ended(path, hasBegun, end)).toMatchObject({ status: 200, completion: 'aborted', bytes });
          });

        it(`${who} after everything was written, and before everything was sent: aborted`, async () => {
          // Over HTTP/2 frameworks write it piece by piece.
          const bytes = transport.isHttp2 ? expect.any(Number) : HUGE;
          expect(await ended('/huge', hasBegun, end)).toMatchObject({ status: 200, completion: 'aborted', bytes });
        });
      }

      it('the server cuts before the answer: aborted, without a status', async () => {
        expect(await ended('/cut', isOver)).toMatchObject({ status: null, completion: 'aborted', bytes: 0 });
      });

      it('the server cuts within the answer: aborted, with its status and the bytes sent', async () => {
        const cut = await ended('/cut-half', hasBegun, () => world.gate.open());
        expect(cut).toMatchObject({ status: 200, completion: 'aborted', bytes: 4 });
      });
    });

  if (hasHttp2) describeHttp2(start, events);
  describe('upgrades', () => describeUpgrades(start));
}

function describeHttp2(start: StartService, events: Partial<Options>): void {
  it('HTTP/2: a body without a declared length has none, and is captured; a request without a body has 0 bytes', async () => {
    const world = await open(start, { capture: { ...events.capture, requestBody: true } }, { http2: true });
    const session = quiet(http2.connect(`http://127.0.0.1:${world.port}`));
    const ask = async (headers: http2.OutgoingHttpHeaders, body?: string) => {
      const stream = session.request(headers, { endStream: body === undefined }).resume();
      if (body !== undefined) stream.end(body);
      await once(stream, 'close');
    };
    const post = { ':method': 'POST', ':path': '/echo', 'content-type': 'application/json' };
    await ask(post, '{"a":1}');
    await ask({ ...post, 'content-length': '7' }, '{"a":2}');
    await ask({ ':path': '/hello/1' });
    session.destroy();
    const seen = await world.requests(3);
    expect(seen.map(({ request_bytes }) => request_bytes)).toEqual([null, 7, 0]);
    expect(seen.map(({ request_body }) => request_body)).toEqual([{ a: 1 }, { a: 2 }, undefined]);
    await world.close();
  });

  it('HTTP/2: headers are those of HTTP/1, without the path', async () => {
    const world = await open(start, { capture: { requestHeaders: true } }, { http2: true });
    const session = quiet(http2.connect(`http://127.0.0.1:${world.port}`));
    await once(session.request({ ':path': '/hello/sesame', accept: '*/*' }).resume(), 'close');
    session.destroy();
    const [payload] = await world.requests(1);
    expect(payload?.request_headers).toEqual({ host: `127.0.0.1:${world.port}`, accept: '*/*' });
    expect(JSON.stringify(payload)).not.toContain('sesame');
    await world.close();
  });

  it('HTTP/2: all streams of a session that ends are aborted, each once', async () => {
    const world = await open(start, events, { http2: true });
    const session = quiet(http2.connect(`http://127.0.0.1:${world.port}`));
    for (let n = 0; n < 5; n++) quiet(session.request({ ':path': '/held' }));
    await until(() => world.gate.entered.length === 5);
    session.destroy();
    const seen = await world.requests(5);
    expect(seen.map(({ completion }) => completion)).toEqual(Array(5).fill('aborted'));
    expect(world.service.stats()).toMatchObject({ open: 0, emitted: 5 });
    await world.close();
  });
}

/** Upgrade requests, with libraries that pass them to the service in different ways. */
function describeUpgrades(start: StartService): void {
  let world: World;
  afterEach(() => world.close());

  const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n';
  type Take = (request: http.IncomingMessage, socket: Socket, serve: (response: ServerResponse) => void) => void;
  const detached = (request: http.IncomingMessage) => new ServerResponse(request);

  /** How libraries take over a connection, relative to passing on the request. */
  const LIBRARIES: Record<string, Take> = {
    'answers first, and creates a response': (request, socket, serve) => {
      socket.write(SWITCH, () => serve(detached(request)));
    },
    'creates a response, and answers later': (request, socket, serve) => {
      serve(detached(request));
      void until(() => world.gate.entered.includes('held')).then(() => socket.write(Buffer.from(SWITCH)));
    },
    'gives the response its connection, and answers past it': (request, socket, serve) => {
      const response = new ServerResponse(request);
      response.assignSocket(socket);
      serve(response);
      void until(() => world.gate.entered.includes('held')).then(() => socket.write(SWITCH));
    },
  };

  async function upgraded(take: Take) {
    world = await open(start);
    const { server } = world.service;
    let accepted: Socket | undefined;
    server.on('upgrade', (request, socket) => {
      accepted = quiet(socket as Socket);
      take(request, accepted, (response) => server.emit('request', request, response));
    });
    const client = quiet(await connect(world.port));
    client.write('GET /held HTTP/1.1\r\nhost: x\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n');
    return { client, accepted: () => accepted as Socket };
  }

  for (const [library, take] of Object.entries(LIBRARIES))
    describe(`a library that ${library}`, () => {
      const ends: Record<string, (client: Socket, accepted: Socket) => void> = {
        'ends in good order': (client) => client.end(),
        'is left by the client': (client) => client.destroy(),
        'is cut by the server': (_, accepted) => accepted.destroy(),
        'is reset': (client) => client.resetAndDestroy(),
      };
      for (const [how, end] of Object.entries(ends))
        it(`is one request with status 101, whatever happens to the connection: ${how}`, async () => {
          const { client, accepted } = await upgraded(take);
          const [answer] = await once(client, 'data');
          expect(String(answer)).toBe(SWITCH);
          await until(() => world.gate.entered.includes('held'));
          expect(world.service.stats()).toMatchObject({ requests: 1, open: 1 });
          accepted().write('a frame of the other protocol');
          accepted()
            .resume()
            .on('end', () => accepted().end());
          end(client, accepted());
          expect(await world.requests(1)).toMatchObject([
            { route: '/held', status: 101, completion: 'finished', bytes: 0, request_bytes: 0 },
          ]);
          expect(world.service.stats()).toMatchObject({ open: 0, emitted: 1 });
        });
    });

  for (const refuse of ['write', 'end'] as const)
    it(`an upgrade refused past the response (${refuse}) has the status sent over the connection`, async () => {
      const { client } = await upgraded((request, socket, serve) => {
        serve(detached(request));
        void until(() => world.gate.entered.includes('held')).then(() => {
          socket[refuse]('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n');
          socket.end();
        });
      });
      const [answer] = await once(client, 'data');
      expect(String(answer)).toContain('401');
      client.end();
      expect(await world.requests(1)).toMatchObject([{ status: 401, completion: 'finished' }]);
    });

  it('an upgrade whose connection ends without an answer is aborted', async () => {
    const { client } = await upgraded((request, socket, serve) => {
      serve(detached(request));
      void until(() => world.gate.entered.includes('held')).then(() => socket.destroy());
    });
    await once(client, 'close');
    expect(await world.requests(1)).toMatchObject([{ status: null, completion: 'aborted' }]);
  });
}
