// A service that ends as services do: a signal, no new requests, those under way are finished. It runs on what was built. Each line
// that it says is written at once and whole, so that what was said has happened.
import { writeSync } from 'node:fs';
import { closeOnExit, createProducer, type Producer } from '@pik/sdk';
import { openOutbox } from '@pik/sdk/outbox';

/** What a framework's part of the service has to work with. */
export interface ShutdownParts {
  readonly producer: Producer;
  /** An order was accepted by a handler; resolves when it may be answered. */
  readonly accept: (id: string) => Promise<void>;
}

/** A service that listens. */
export interface Listening {
  readonly port: number;
  /** What the service does on the signal. */
  readonly stop: () => void;
}

/** Starts the service that the arguments describe: URL of the kit, outbox, how it listens for the signal, grace. */
export async function runService(listen: (parts: ShutdownParts) => Promise<Listening>): Promise<void> {
  const [url = '', dir = '', how = 'once', graceMs = ''] = process.argv.slice(2);
  const say = (what: string, about: unknown) => writeSync(1, `${what} ${JSON.stringify(about)}\n`);
  const outbox = dir === '' ? {} : { outbox: await openOutbox({ dir }) };
  const options = { url, source: 'shop', requestTimeoutMs: 500, log: () => {}, ...outbox };
  const producer = createProducer(options);
  closeOnExit(producer, { graceMs: Number(graceMs) });
  const accept = (id: string) => {
    say('accepted', [id]);
    return new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 60));
  };
  const { port, stop } = await listen({ producer, accept });
  process.on('exit', () => say('counted', producer.stats()));
  if (how === 'on') process.on('SIGTERM', stop);
  else process.once('SIGTERM', stop);
  say('listening', port);
}
