import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Alert, Sink } from '@pik/engine/monitors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { makeAlert } from './factories.ts';

/** A request that a sink made. */
export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request as its receiver reads it. */
export interface ReceivedAlert {
  /** By which it recognizes the incident. */
  readonly key: string;
  readonly state: Alert['state'];
  /** By which it recognizes a message that it has; null if it cannot. */
  readonly message: string | null;
  /** Everything that a person reads. */
  readonly text: string;
}

/** A sink, and its receiver in this process. */
export interface SinkUnderTest {
  /** Opens a sink that sends to this address, with a secret that contains `s3cret`. */
  open(url: string): Sink;
  read(request: ReceivedRequest): ReceivedAlert;
  /** The answer of a receiver that has accepted a message. */
  readonly accepted: { readonly status: number; readonly body: string };
  /** False if the client of the sink makes several attempts by itself. Default: true. */
  readonly triesOnce?: boolean | undefined;
}

type Answer = { readonly status: number; readonly body: string; readonly location?: string } | 'hang' | 'reset';

/** The promises of every sink. */
export function describeSinkContract(name: string, under: SinkUnderTest): void {
  describe(`the sink ${name}`, () => {
    let server: Server;
    let requests: ReceivedRequest[];
    let answer: Answer;
    let url: string;
    let arrived: PromiseWithResolvers<void>;
    beforeEach(async () => {
      requests = [];
      answer = under.accepted;
      arrived = Promise.withResolvers();
      server = createServer(async (request, response) => {
        const parts: Buffer[] = [];
        for await (const part of request) parts.push(part);
        const { url: path = '', headers } = request;
        requests.push({ path, headers, body: Buffer.concat(parts).toString() });
        arrived.resolve();
        if (answer === 'reset') response.destroy();
        if (typeof answer === 'string') return;
        const { status, body, location } = answer;
        response.writeHead(status, location === undefined ? {} : { location }).end(body);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterEach(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });

    const never = new AbortController().signal;
    const received = () => requests.map((request) => under.read(request));

    it('sends that an incident fires and that it is over under one key, with sentence, link, command and runbook', async () => {
      const sink = under.open(url);
      const [firing, resolved] = [makeAlert(), makeAlert({ state: 'RESOLVED' })];
      await sink.send(firing, never);
      await sink.send(resolved, never);
      expect(received()).toMatchObject([
        { key: firing.key, state: 'FIRING' },
        { key: firing.key, state: 'RESOLVED' },
      ]);
      const [first] = received();
      for (const text of [firing.sentence, firing.command, firing.runbook, firing.link ?? ''])
        expect(first?.text).toContain(text);
    });

    it('sends the same message again as the same message', async () => {
      const sink = under.open(url);
      for (const alert of [makeAlert(), makeAlert(), makeAlert({ state: 'RESOLVED' })]) await sink.send(alert, never);
      const [one, again, other] = received();
      expect(again).toMatchObject({ key: one?.key, message: one?.message ?? null });
      if (one?.message !== null) expect(other?.message).not.toBe(one?.message);
    });

    it('sends an alert of a server that does not know its address, with any text', async () => {
      const sentence = 'a "quote", <!channel> & ü\n\u{1f600} \\ \u2028';
      await under.open(url).send(makeAlert({ link: null, sentence, group: {} }), never);
      expect(received()[0]?.text).toContain(sentence);
    });

    it('rejects what the receiver did not accept, with the status, and without its secret', async () => {
      const sink = under.open(url);
      for (const status of [400, 403, 404, 410]) {
        answer = { status, body: 'no' };
        const error = await sink.send(makeAlert(), never).then(
          () => null,
          (fault: unknown) => fault,
        );
        expect(String(error)).toMatch(under.triesOnce === false ? /./ : new RegExp(String(status)));
        expect(String(error)).not.toContain('s3cret');
      }
    });

    it('follows no redirect, which would show its secret to another server', async () => {
      answer = { status: 307, body: '', location: `${url}/elsewhere` };
      await expect(under.open(url).send(makeAlert(), never)).rejects.toThrow();
      expect(requests.some(({ path }) => path === '/elsewhere')).toBe(false);
    });

    it('rejects when the connection breaks, and when nobody listens', async () => {
      answer = 'reset';
      const sink = under.open(url);
      await expect(sink.send(makeAlert(), never)).rejects.not.toThrow(/s3cret/);
      await expect(under.open('http://127.0.0.1:1').send(makeAlert(), never)).rejects.not.toThrow(/s3cret/);
    });

    it('gives up a receiver that hangs, as soon as the signal says so', async () => {
      answer = 'hang';
      const end = new AbortController();
      const sent = under.open(url).send(makeAlert(), end.signal);
      await arrived.promise;
      end.abort();
      await expect(sent).rejects.toThrow();
    });
  });
}
