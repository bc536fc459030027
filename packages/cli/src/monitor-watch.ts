import { randomUUID } from 'node:crypto';
import type { Backend, Pipeline, Telemetry } from '@pik/engine';
import type { ReaderThreads } from '@pik/engine/local';
import { type Ask, createSinks, type Sink, watchOnce } from '@pik/engine/monitors';
import { checkIntervalMs, leastOf, type ReportOf } from '@pik/schema';

import type { PikConfig } from './config.ts';

/** The rounds of a server that evaluate its monitors. */
export interface MonitorWatch {
  /** Begins no further check or message, and waits for the present one. */
  stop(): Promise<void>;
}

/** The parts of a server with monitors. */
export interface MonitorWatchParts {
  readonly config: Pick<PikConfig, 'monitors' | 'sinks' | 'publicUrl'>;
  readonly pipeline: Pick<Pipeline, 'ask'>;
  /** Null: questions are answered by the thread of ingest. */
  readonly readers: ReaderThreads | null;
  readonly backend: Backend;
  readonly telemetry: Telemetry;
  /** The address that links begin with if the config names none. */
  readonly url: string;
}

/** The longest pause between two rounds: how late a message may be tried again. */
const ROUND_MS_MAX = 15_000;

/** Checks the sinks of a config. Throws `CONFIG_INVALID` naming the sink, and the variable that it lacks. */
export function openSinks({ sinks = {} }: Pick<PikConfig, 'sinks'>): ReadonlyMap<string, Sink> {
  return createSinks(sinks, { variables: process.env });
}

/** Starts the rounds of a server. Without monitors, those that it once had are retired. */
export function startMonitorWatch(parts: MonitorWatchParts, sinks: ReadonlyMap<string, Sink>): MonitorWatch {
  const { config, backend, telemetry, url } = parts;
  const { monitors = [], publicUrl = url } = config;
  const ask = askOf(parts);
  const pauseMs = leastOf(monitors.map(checkIntervalMs), ROUND_MS_MAX);
  let isStopping = false;
  let timer: NodeJS.Timeout | undefined;
  let takesOver = true;
  const round = () => {
    const isFirst = takesOver;
    takesOver = false;
    return watchOnce({
      ...{ store: backend.monitors, sinks, monitors, ask, telemetry, consoleUrl: publicUrl },
      now: () => backend.clock.now(),
      isStopping: () => isStopping,
      takesOver: isFirst,
    }).catch((error: unknown) => telemetry.log('error', 'monitor_round_failed', { error: String(error) }));
  };
  let running = Promise.resolve();
  const begin = () => {
    running = round().then(() => {
      if (!isStopping && monitors.length > 0) timer = setTimeout(begin, pauseMs).unref();
    });
  };
  begin();
  return {
    stop() {
      isStopping = true;
      clearTimeout(timer);
      return running;
    },
  };
}

/** Asks the threads for questions, so that no check holds up ingest. */
function askOf({ pipeline, readers }: MonitorWatchParts): Ask {
  return async (name, given) => {
    if (readers?.isUsable !== true) return pipeline.ask(name, given);
    const own = {
      route: name,
      url: 'http://monitor/',
      accept: null,
      requestId: randomUUID(),
      principal: null,
      isMasked: false,
      params: {},
    };
    const { body } = await readers.ask({ ...own, receivedMs: Date.now(), query: given }, {});
    const answer: ReportOf<typeof name> = JSON.parse(await new Response(body).text());
    return answer;
  };
}
