import { hostModule } from './host.ts';

/**
 * The async context of a caller (`AsyncLocalStorage`, the active span), saved so that callbacks can run in it later.
 */
export interface CallerContext {
  /** Runs a function in this context. */
  runInAsyncScope<Args extends unknown[], Result>(
    run: (...args: Args) => Result,
    thisArg: unknown,
    ...args: Args
  ): Result;
}

/** `AsyncResource` of `node:async_hooks`. */
export type AsyncResourceClass = new (type: string) => CallerContext;

/** A host without async contexts, such as a browser, runs the function directly. */
const DIRECT: CallerContext = { runInAsyncScope: (run, thisArg, ...args) => run.apply(thisArg, args) };
const TYPE = 'PIK';
/**
 * The property in which a Node resource keeps its context: per `AsyncLocalStorage`, or since Node 24 a single frame.
 */
const CONTEXT_SYMBOLS = /^(kResourceStore|context_frame)$/;

let AsyncResource: AsyncResourceClass | null = /* @__PURE__ */ findAsyncResource();
/** Created at load time, so that it holds on to nothing of the request that first uses it. */
let outside: CallerContext = /* @__PURE__ */ emptyContext();

/** The async context of the caller. */
export function callerContext(): CallerContext {
  return AsyncResource === null ? DIRECT : new AsyncResource(TYPE);
}

/** Runs a function outside every caller's async context. */
export function runOutside<Result>(run: () => Result): Result {
  return outside.runInAsyncScope(run, undefined);
}

/**
 * Runs work of the kit itself (timers, retries, requests, files) outside every caller's context and with OpenTelemetry
 * tracing suppressed, so that it appears in no user's trace.
 */
export function runOwnWork<Result>(run: () => Result): Result {
  return outside.runInAsyncScope(suppressed, undefined, run) as Result;
}

/**
 * Provides `AsyncResource` on Node before 20.16, where modules can only be imported. Packages that import it call this.
 */
export function provideAsyncResource(given: AsyncResourceClass): void {
  if (AsyncResource !== null) return;
  AsyncResource = given;
  outside = emptyContext();
}

function findAsyncResource(): AsyncResourceClass | null {
  const found = hostModule<{ AsyncResource?: AsyncResourceClass | undefined }>('node:async_hooks')?.AsyncResource;
  return typeof found === 'function' ? found : null;
}

/**
 * Clears the context of a resource. The SDK may be loaded within a request, and Node has no API for the empty context,
 * but a resource keeps its context in properties under symbols. If a Node version keeps it elsewhere, the context stays
 * that of the load.
 */
function emptyContext(): CallerContext {
  const made = callerContext() as CallerContext & { [name: symbol]: unknown };
  if (made === DIRECT) return made;
  for (const symbol of Object.getOwnPropertySymbols(made))
    if (CONTEXT_SYMBOLS.test(symbol.description ?? '')) Reflect.deleteProperty(made, symbol);
  return made;
}

/** The part of OpenTelemetry's API used here. It keeps itself in one global for all its copies in a process. */
interface OpenTelemetry {
  readonly context?:
    | {
        active(): Context;
        with?<Result>(context: Context, run: () => Result): Result;
      }
    | undefined;
}

interface Context {
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

const API = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');
const SUPPRESS = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

function suppressed(run: () => unknown): unknown {
  const api = (globalThis as { [API]?: OpenTelemetry | undefined })[API]?.context;
  if (typeof api?.with !== 'function') return run();
  let hasRun = false;
  const once = () => {
    hasRun = true;
    return run();
  };
  try {
    // In hosts that keep contexts in another way, such as browsers, the caller's span is still active; suppress it.
    return api.with(api.active().deleteValue(SPAN).setValue(SUPPRESS, true), once);
  } catch (error) {
    if (hasRun) throw error;
    // A faulty tracer must not stop an event.
    return run();
  }
}
