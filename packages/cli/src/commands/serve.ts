import type { Server } from 'node:http';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';

import { serve as listen } from '@hono/node-server';
import { createApp, createPipeline, createTelemetry, type Pipeline, startWorker } from '@pik/handlers';
import { openLocalBackend } from '@pik/handlers/local';
import { KitError, MS_PER_DAY } from '@pik/schema';

import { loadConfig, type PikConfig } from '../config.ts';
import { writeErrSettled, writeOut } from '../output.ts';

/** How the server runs. */
export interface ServeOptions {
  readonly port: string;
  readonly host: string;
  readonly data: string;
  readonly config?: string;
  /** False: messages stay in the queue for other consumers. */
  readonly worker: boolean;
}

/** Names under which a browser reaches this machine itself; with another Host header a page of a stranger is asking. */
const LOOPBACK = ['localhost', '127.0.0.1', '::1', '[::1]'];
const SWEEP_INTERVAL_MS = 30_000;
/** Longer than any request may take, plus a minute. */
const SWEEP_MIN_AGE_MS = 120_000;
const GRACE_MS = 10_000;

/** Serves the kit until it is told to stop. */
export async function serve(options: ServeOptions): Promise<void> {
  // Requests leave short-lived objects in bulk: a young generation that grows freely would hold hundreds of megabytes.
  setFlagsFromString('--semi-space-growth-factor=1');
  const config = await loadConfig(options.config);
  const port = portOf(options.port);
  checkBinding(options.host, config);
  const dir = resolve(options.data);
  const telemetry = createTelemetry({ write: writeErrSettled });
  const backend = await openLocalBackend({
    dir,
    onWarning: (message, error) => telemetry.log('warn', 'backend', { message, error: String(error) }),
  });
  const retention =
    config.indexRetentionDays === undefined ? {} : { indexRetentionMs: config.indexRetentionDays * MS_PER_DAY };
  const { aggregates = [], volatile = [] } = config;
  const pipeline = createPipeline({ backend, telemetry, aggregates, volatile, ...retention });
  await pipeline.sweep({ minAgeMs: 0, lookBackMs: MS_PER_DAY });
  const app = createApp({
    pipeline,
    telemetry,
    apiKeys: config.apiKeys,
    allowedHosts: config.apiKeys === undefined ? LOOPBACK : undefined,
    metricsText: () => telemetry.metricsText(),
  });
  const server = await start(app.fetch, { port, hostname: options.host });
  const timer = setInterval(() => sweepQuietly(pipeline, telemetry), SWEEP_INTERVAL_MS);
  timer.unref();
  const worker = options.worker ? startWorker(pipeline, { telemetry }) : null;
  writeOut(`pik serves ${dir} at http://${options.host}:${addressPort(server)} (ctrl-c stops it)\n`);
  await stopSignal();
  clearInterval(timer);
  await stop(server);
  await worker?.stop();
  await pipeline.close();
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new KitError('CONFIG_INVALID', `${text} is not a port`);
  return port;
}

/** Whoever can reach a server without keys can read and write everything. */
function checkBinding(host: string, { apiKeys }: PikConfig): void {
  if (LOOPBACK.includes(host) || (apiKeys !== undefined && apiKeys.length > 0)) return;
  throw new KitError(
    'BIND_REFUSED',
    `without API keys the server listens on loopback only, not on ${host}; declare apiKeys in pik.config.ts (pik keygen makes one) and pass --config`,
  );
}

function start(
  fetch: (request: Request) => Promise<Response>,
  at: { port: number; hostname: string },
): Promise<Server> {
  return new Promise((done, fail) => {
    const server = listen({ fetch, ...at }, () => done(server)) as Server;
    server.on('error', (cause: NodeJS.ErrnoException) => {
      const text =
        cause.code === 'EADDRINUSE' ? `port ${at.port} is in use; choose another with --port` : cause.message;
      fail(new KitError('CONFIG_INVALID', text, { cause }));
    });
    // Above the minute after which load balancers drop idle connections: the server must not be the first to close.
    server.keepAliveTimeout = 75_000;
    server.headersTimeout = 20_000;
    server.requestTimeout = 60_000;
  });
}

function addressPort(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function sweepQuietly(
  pipeline: Pipeline,
  telemetry: { log(level: 'error', event: string, fields: object): void },
): void {
  pipeline.sweep({ minAgeMs: SWEEP_MIN_AGE_MS, lookBackMs: 10 * 60_000 }).catch((error: unknown) => {
    telemetry.log('error', 'sweep_failed', { error: String(error) });
  });
}

/** Resolves at the first signal; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const onSignal = () => {
      process.on('SIGINT', () => process.exit(130));
      process.on('SIGTERM', () => process.exit(143));
      resolve();
    };
    process.once('SIGINT', onSignal);
    process.once('SIGTERM', onSignal);
  });
}

/** Takes no new requests and lets those under way finish, for a bounded time. */
function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
