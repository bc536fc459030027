import type { Server } from 'node:http';
import { resolve } from 'node:path';

import { type HttpBindings, serve as listen } from '@hono/node-server';
import {
  type AuditLog,
  type Context,
  createApp,
  createContext,
  createPipeline,
  createTelemetry,
  type Pipeline,
  runErasure,
  startWorker,
  unfinishedErasures,
} from '@pik/engine';
import {
  type CompactThreadOptions,
  type LocalFigures,
  openLocalBackend,
  openParsers,
  openReaders,
  type ReadersOptions,
  type ReaderThreads,
} from '@pik/engine/local';
import { checkHookSecrets, KitError, MS_PER_DAY } from '@pik/schema';

import { clientAddress, type ListenAddress, listenAddress, proxyList } from '../addresses.ts';
import { loadConfig, type PikConfig } from '../config.ts';
import { createHourCloser } from '../hour-closer.ts';
import { createLogWriter } from '../log-writer.ts';
import { openSinks, startMonitorWatch } from '../monitor-watch.ts';
import { openMcp } from '../open-mcp.ts';
import { writeOut } from '../output.ts';
import { PARSER_MODULE, parserThreads, READER_MODULE, type ReaderData, readerThreads } from '../reader-threads.ts';
import { openServerAudit } from '../server-audit.ts';
import { createServerHealth, type ServerHealth } from '../server-health.ts';
import { logOptions } from '../signed-log/log-config.ts';
import { type LogKeeper, openLogKeeper } from '../signed-log/log-keeper.ts';
import { keepYoungGeneration } from '../young-generation.ts';

/** Options of `pik serve`. */
export interface ServeOptions {
  readonly port: string;
  readonly host: string;
  readonly data: string;
  readonly config?: string | undefined;
  /** The number of threads for questions; 0: the main thread answers them. Default: by the number of processors. */
  readonly readers?: string | undefined;
  /** The number of threads that parse requests; 0: the thread of ingest does it. Default: by the number of processors. */
  readonly parsers?: string | undefined;
  /** False: messages stay in the queue for other consumers. */
  readonly worker: boolean;
}

/** Host names by which a browser on this machine reaches the server; any other Host header means DNS rebinding. */
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const SWEEP_INTERVAL_MS = 30_000;
/** The longest request takes a minute; one more minute on top. */
const SWEEP_MIN_AGE_MS = 120_000;
const GRACE_MS = 10_000;
/**
 * After the grace period the server closes its files, which takes far less than this; then the process exits whatever
 * hangs.
 */
const CLOSE_MS = 10_000;
/** Time for the last log lines to be read at the end. */
const LAST_LINES_MS = 500;

/**
 * Serves the kit until SIGINT, SIGTERM or SIGHUP. It then takes no new requests, finishes those in flight, and closes
 * its files. A second signal ends it at once.
 */
export async function serve(options: ServeOptions): Promise<void> {
  keepYoungGeneration();
  const config = await loadConfig(options.config);
  const port = portOf(options.port);
  const address = listenAddress(options.host);
  checkBinding(address, config);
  checkHookSecrets(config.doors?.hooks ?? {}, process.env);
  const sinks = openSinks(config);
  const threads = readerThreads(options.readers);
  const parsing = parserThreads(options.parsers);
  const trusted = config.trustedProxies === undefined ? null : proxyList(config.trustedProxies);
  const dir = resolve(options.data);
  const telemetry = createTelemetry({ write: createLogWriter() });
  const backend = await openLocalBackend({
    dir,
    isShared: threads > 0,
    onWarning: (message, error) => telemetry.log('warn', 'backend', { message, error: String(error) }),
  });
  const keeper = await openLogKeeper({ backend, telemetry, keys: backend.logKeys, ...logOptions(config) });
  const retention =
    config.indexRetentionDays === undefined ? {} : { indexRetentionMs: config.indexRetentionDays * MS_PER_DAY };
  await finishErasures(createContext({ backend, telemetry, ...retention }));
  const { aggregates = [], volatile = [], mask = [], doors } = config;
  const parsers =
    parsing === 0 ? undefined : openParsers({ threads: parsing, module: PARSER_MODULE, volatile, doors, telemetry });
  const pipeline = createPipeline({ backend, telemetry, aggregates, volatile, mask, doors, parsers, ...retention });
  await sweepAtStart(pipeline, telemetry);
  for (const [source, ms] of await backend.lastReceived()) telemetry.accepted?.(source, ms);
  const parts = { data: { dir, config: options.config }, pipeline, backend, telemetry };
  const readers = await openThreads(threads, { settings: { aggregates, volatile, mask }, ...parts });
  const health = createServerHealth({ backend, pipeline, readers: threads });
  health.swept();
  const audit = openServerAudit(config, backend, telemetry);
  const app = createApp({
    pipeline,
    telemetry,
    ...{ audit: audit ?? undefined, readers: readers ?? undefined },
    health: () => health.read(),
    apiKeys: config.apiKeys,
    allowedHosts: config.apiKeys === undefined ? [...new Set([...LOOPBACK_NAMES, address.urlHost])] : undefined,
    metricsText: () => telemetry.metricsText(),
    mcp: openMcp({ fetch: (request) => app.fetch(request), consoleUrl: config.publicUrl }),
  });
  const serveRequest = (request: Request, { incoming }: HttpBindings) => {
    const client = clientAddress(incoming.socket.remoteAddress, request.headers.get('x-forwarded-for'), trusted);
    return app.fetch(request, { client });
  };
  const server = await start(serveRequest, { port, hostname: address.host });
  const thread = threads === 0 ? null : { module: READER_MODULE, ...parts };
  const upkeep = startUpkeep({ pipeline, thread, telemetry, health, keeper, audit });
  const worker = options.worker ? startWorker(readers ?? pipeline, { telemetry }) : null;
  // Before printing the address: a reader may send a signal as soon as it sees it.
  const stopped = stopSignal();
  const url = `http://${address.urlHost}:${addressPort(server)}`;
  const watch = startMonitorWatch({ config, pipeline, readers, backend, telemetry, url }, sinks);
  const opened = openedText(await backend.figures(), { threads, parsing });
  writeOut(`pik serves ${dir} at ${url} (ctrl-c stops it)\nthe console: ${url}/ui\n${opened}\n`);
  await stopped;
  setTimeout(() => process.exit(1), GRACE_MS + CLOSE_MS).unref();
  upkeep.pause();
  pipeline.hangUp();
  // In parallel: while the server waits for slow clients, the worker must not start work that the shutdown would cut
  // short.
  await Promise.all([stop(server), worker?.stop(), watch.stop()]);
  // Their connections end before that of the writer.
  await Promise.all([readers?.close(), parsers?.close(), upkeep.stop()]);
  await pipeline.close();
  // Unread log lines would keep the finished process alive.
  setTimeout(() => process.exit(0), LAST_LINES_MS).unref();
}

/** Does the rest of erasures that were interrupted, before anything reads what they have not reached. */
async function finishErasures(context: Context): Promise<void> {
  for (const id of await unfinishedErasures(context)) {
    await runErasure(context, id);
    context.telemetry.log('info', 'erasure_finished', { erasure_id: id });
  }
}

interface UpkeepParts {
  readonly pipeline: Pipeline;
  readonly thread: CompactThreadOptions | null;
  readonly telemetry: Log;
  readonly health: ServerHealth;
  readonly keeper: LogKeeper;
  readonly audit: AuditLog | null;
}

/** Sweeps from time to time, closes hours, and keeps the signed log. */
function startUpkeep({ pipeline, thread, telemetry, health, keeper, audit }: UpkeepParts) {
  const onCompacted = async () => {
    health.compacted();
    await keeper.closed();
  };
  const closer = createHourCloser({ pipeline, thread, telemetry, onCompacted });
  const round = async () => {
    await sweepQuietly(pipeline, telemetry, health);
    closer.tick();
    keeper.tick();
    await audit?.expire();
  };
  const timer = setInterval(() => void round(), SWEEP_INTERVAL_MS);
  timer.unref();
  return {
    /** Starts nothing more. */
    pause: () => clearInterval(timer),
    /** Waits for what is being done. */
    async stop() {
      await closer.stop();
      await keeper.stop();
    },
  };
}

/** One line about the open directory and the threads. */
function openedText(
  { events, queue_depth, disk_free_bytes }: LocalFigures,
  { threads, parsing }: { threads: number; parsing: number },
): string {
  const parsed = parsing === 0 ? '' : `, ${parsing} more for parsing`;
  const questions = threads === 0 ? 'the same thread answers questions' : `${threads} more for questions`;
  const free = `${Math.floor(disk_free_bytes / 1e9)} GB free on its disk`;
  return `opened ${events} events, ${queue_depth} waiting messages, ${free}; 1 thread ingests${parsed}, ${questions}`;
}

/** Settings that the threads for questions share with this one. */
interface ThreadParts extends Omit<ReadersOptions, 'threads' | 'module'> {
  readonly data: ReaderData;
}

/** Opens the threads for questions; null if there are none. */
async function openThreads(threads: number, parts: ThreadParts): Promise<ReaderThreads | null> {
  return threads === 0 ? null : openReaders({ threads, module: READER_MODULE, ...parts });
}

/** Finishes what a crash left behind. On a full disk a later sweep does it, and stored data can be read meanwhile. */
async function sweepAtStart(pipeline: Pipeline, telemetry: Log): Promise<void> {
  try {
    await pipeline.sweep({ minAgeMs: 0, lookBackMs: MS_PER_DAY });
  } catch (error) {
    if (!KitError.is(error) || error.code !== 'STORAGE_FULL') throw error;
    telemetry.log('error', 'sweep_failed', { error: String(error) });
  }
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new KitError('CONFIG_INVALID', `${text} is not a port`);
  return port;
}

/** Refuses to expose a server without keys: whoever reaches it can read and write everything. */
function checkBinding({ host, isLoopback }: ListenAddress, { apiKeys }: PikConfig): void {
  if (isLoopback || (apiKeys !== undefined && apiKeys.length > 0)) return;
  throw new KitError(
    'BIND_REFUSED',
    `without API keys the server listens on loopback only, not on ${host}; declare apiKeys in pik.config.ts (pik keygen makes one) and pass --config`,
  );
}

function start(
  fetch: (request: Request, bindings: HttpBindings) => Promise<Response>,
  at: { port: number; hostname: string },
): Promise<Server> {
  return new Promise((done, fail) => {
    const server = listen({ fetch, ...at } as Parameters<typeof listen>[0], () => done(server)) as Server;
    server.on('error', (cause: NodeJS.ErrnoException) => fail(listenFault(cause, at)));
    // Above the minute after which load balancers drop idle connections: the server must not close first.
    server.keepAliveTimeout = 75_000;
    server.headersTimeout = 20_000;
    server.requestTimeout = 60_000;
  });
}

function listenFault(cause: NodeJS.ErrnoException, { port, hostname }: { port: number; hostname: string }): KitError {
  const texts: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} is in use; choose another with --port`,
    EACCES: `this user may not listen on port ${port}; choose one above 1023 with --port`,
    EADDRNOTAVAIL: `${hostname} is not an address of this machine; choose another with --host`,
    ENOTFOUND: `the host name ${hostname} has no address; choose another with --host`,
    EAI_AGAIN: `the host name ${hostname} cannot be resolved; choose another with --host`,
  };
  return new KitError('CONFIG_INVALID', texts[cause.code ?? ''] ?? cause.message, { cause });
}

function addressPort(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Log {
  log(level: 'error', event: string, fields: object): void;
}

function sweepQuietly(pipeline: Pipeline, telemetry: Log, health: ServerHealth): Promise<void> {
  return pipeline.sweep({ minAgeMs: SWEEP_MIN_AGE_MS, lookBackMs: 10 * 60_000 }).then(
    () => health.swept(),
    (error: unknown) => telemetry.log('error', 'sweep_failed', { error: String(error) }),
  );
}

/** Signals that stop the server, with the exit status of a process that each kills. SIGHUP: the terminal was closed. */
const STOP_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Resolves at the first signal; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    for (const [signal, status] of Object.entries(STOP_SIGNALS)) {
      process.on(signal, () => {
        if (stopping) process.exit(status);
        stopping = true;
        resolve();
      });
    }
  });
}

/** Takes no new requests and lets those in flight finish, for a bounded time. */
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
