// A service that shuts down in order: on a signal it takes no new requests and finishes those in flight. Runs the built
// packages. Writes each line at once and completely, so that a printed step has happened.
import { writeSync } from 'node:fs';
import { closeOnExit, createProducer, type Producer } from '@pik/sdk';
import { openOutbox } from '@pik/sdk/outbox';

/** Parameters for the framework's part of the service. */
export interface ShutdownParts {
  readonly producer: Producer;
  /** Called when a handler accepts an order; resolves when it may answer. */
  readonly accept: (id: string) => Promise<void>;
}

/** A listening service. */
export interface Listening {
  readonly port: number;
  /** The service's reaction to the signal. */
  readonly stop: () => void;
}

/**
 * Starts the service that the arguments describe: URL of the kit, outbox, how it listens for the signal, grace period.
 */
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
