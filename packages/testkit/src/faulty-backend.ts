import type { Backend, RequestRows } from '@pik/engine';
import { type ErrorCode, KitError } from '@pik/schema';

/** The faults that one port call can suffer. */
export type FaultKind =
  /** It fails, and nothing happened. */
  | 'fail-before'
  /** It fails although it happened: the response was lost. */
  | 'fail-after'
  /** The process ends before it. */
  | 'crash-before'
  /** The process ends after it. */
  | 'crash-after'
  /** The process ends in the middle of an admission: only the EVENT rows were written. */
  | 'crash-inside'
  /** Every second insert of an admission was throttled. */
  | 'throttle';

/** The port call that fails, counted from 1 over all calls, and how. */
export interface Fault {
  readonly call: number;
  readonly kind: FaultKind;
}

/** Thrown instead of everything that a dead process would no longer do. */
export class Crash extends Error {}

/** A backend whose port calls fail as planned. After a crash every call throws until a new one is created over `inner`. */
export interface FaultyBackend extends Backend {
  /** Port calls so far. */
  readonly calls: number;
  readonly crashed: boolean;
}

const WRITES = new Set([
  'append',
  'admit',
  'setMark',
  'addFailures',
  'commit',
  'put',
  'create',
  'cancel',
  'addPart',
  'addWindows',
  'setWindowResult',
  'setWindowFailures',
  'send',
  'receive',
  'extend',
  'delete',
  'fail',
  'redrive',
  'keep',
]);

/** Wraps a backend; everything that reached it before a crash is durable. */
export function createFaultyBackend(inner: Backend, faults: readonly Fault[]): FaultyBackend {
  const state = { calls: 0, crashed: false };
  const wrap = <T extends object>(port: T, unavailable: ErrorCode): T =>
    new Proxy(port, {
      get(target, name: string) {
        const method = target[name as keyof T];
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) =>
          callPort({ state, faults, name, args, unavailable, method: method.bind(target) });
      },
    });
  return {
    clock: inner.clock,
    soleOwner: inner.soleOwner,
    rawLog: wrap(inner.rawLog, 'RAW_LOG_UNAVAILABLE'),
    files: wrap(inner.files, 'STORE_UNAVAILABLE'),
    index: wrap(inner.index, 'INDEX_UNAVAILABLE'),
    aggregates: wrap(inner.aggregates, 'STORE_UNAVAILABLE'),
    replays: wrap(inner.replays, 'STORE_UNAVAILABLE'),
    queue: wrap(inner.queue, 'STORE_UNAVAILABLE'),
    monitors: wrap(inner.monitors, 'STORE_UNAVAILABLE'),
    hours: inner.hours === undefined ? undefined : wrap(inner.hours, 'INDEX_UNAVAILABLE'),
    close: () => Promise.resolve(),
    get calls() {
      return state.calls;
    },
    get crashed() {
      return state.crashed;
    },
  };
}

interface PortCall {
  readonly state: { calls: number; crashed: boolean };
  readonly faults: readonly Fault[];
  readonly name: string;
  readonly args: unknown[];
  readonly unavailable: ErrorCode;
  readonly method: (...args: unknown[]) => Promise<unknown>;
}

async function callPort({ state, faults, name, args, unavailable: code, method }: PortCall): Promise<unknown> {
  if (state.crashed) throw new Crash('the process is gone');
  state.calls += 1;
  const kind = faults.find(({ call }) => call === state.calls)?.kind;
  const unavailable = () => new KitError(code);
  const crash = () => {
    state.crashed = true;
    return new Crash(`crashed at ${name}`);
  };
  if (kind === 'fail-before') throw unavailable();
  if (kind === 'crash-before') throw crash();
  if (kind === 'crash-inside' && name === 'admit') {
    await method(args[0], onlyEvents(args[1] as Decide));
    throw crash();
  }
  if (kind === 'throttle' && name === 'admit') return throttled(method, args);
  const result = await method(...args);
  if (kind === 'fail-after' && WRITES.has(name)) throw unavailable();
  if (kind === 'crash-after') throw crash();
  return result;
}

type Decide = (insertions: unknown[]) => RequestRows;

function onlyEvents(decide: Decide): Decide {
  return (insertions) => ({
    ...decide(insertions),
    deliveries: [],
    failures: [],
    slices: [],
    sequences: [],
    pack: null,
  });
}

/** Skips every second row, like a table that throttles some writes of a batch. */
async function throttled(method: PortCall['method'], args: unknown[]): Promise<unknown> {
  const [rows, decide] = args as [unknown[], Decide];
  const tried = rows.filter((_, i) => i % 2 === 0);
  return method(tried, (insertions: unknown[]) =>
    decide(rows.map((_, i) => (i % 2 === 0 ? insertions[i / 2] : { kind: 'throttled' }))),
  );
}
