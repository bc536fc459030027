import { hostModule } from './host.ts';

/** The async context of a caller (`AsyncLocalStorage`, the active span), kept so that its callbacks run in it later. */
export interface CallerContext {
  /** Runs a function in the context. */
  runInAsyncScope<Args extends unknown[], Result>(
    run: (...args: Args) => Result,
    thisArg: unknown,
    ...args: Args
  ): Result;
}

/** `AsyncResource` of `node:async_hooks`. */
export type AsyncResourceClass = new (type: string) => CallerContext;

/** Where the host keeps no async context, as in browsers, there is none to keep apart. */
const DIRECT: CallerContext = { runInAsyncScope: (run, thisArg, ...args) => run.apply(thisArg, args) };
const TYPE = 'PIK';
/** Where a resource of Node keeps its context: by `AsyncLocalStorage`, or since Node 24 all of it in one. */
const CONTEXT_SYMBOLS = /^(kResourceStore|context_frame)$/;

let AsyncResource: AsyncResourceClass | null = /* @__PURE__ */ findAsyncResource();
/** Made at the load: what follows keeps nothing of the request in which it is first used. */
let outside: CallerContext = /* @__PURE__ */ emptyContext();

/** The async context of whoever calls this. */
export function callerContext(): CallerContext {
  return AsyncResource === null ? DIRECT : new AsyncResource(TYPE);
}

/** Runs a function outside of every caller's async context. */
export function runOutside<Result>(run: () => Result): Result {
  return outside.runInAsyncScope(run, undefined);
}

/**
 * Runs what belongs to the kit and to no caller (timers, retries, requests, files): outside of every caller's context, and
 * suppressed for OpenTelemetry, so that no trace of a user has it.
 */
export function runOwnWork<Result>(run: () => Result): Result {
  return outside.runInAsyncScope(suppressed, undefined, run) as Result;
}

/** For a Node before 20.16, which hands out its modules to importers alone. Packages that import the module give it here. */
export function provideAsyncResource(given: AsyncResourceClass): void {
  if (AsyncResource !== null) return;
  AsyncResource = given;
  outside = emptyContext();
}

function findAsyncResource(): AsyncResourceClass | null {
  const found = hostModule<{ AsyncResource?: AsyncResourceClass }>('node:async_hooks')?.AsyncResource;
  return typeof found === 'function' ? found : null;
}

/**
 * The SDK may be loaded within a request, and Node has no way to ask for the empty context. A resource keeps its context in
 * properties of its own, under symbols; without them it has none. Where a version keeps it elsewhere, it is the context of
 * the load.
 */
function emptyContext(): CallerContext {
  const made = callerContext() as CallerContext & { [name: symbol]: unknown };
  if (made === DIRECT) return made;
  for (const symbol of Object.getOwnPropertySymbols(made))
    if (CONTEXT_SYMBOLS.test(symbol.description ?? '')) Reflect.deleteProperty(made, symbol);
  return made;
}

/** What is used of OpenTelemetry's API, which keeps itself in one place for all copies of it in a process. */
interface OpenTelemetry {
  readonly context?: {
    active(): Context;
    with?<Result>(context: Context, run: () => Result): Result;
  };
}

interface Context {
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

const API = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');
const SUPPRESS = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

function suppressed(run: () => unknown): unknown {
  const api = (globalThis as { [API]?: OpenTelemetry })[API]?.context;
  if (typeof api?.with !== 'function') return run();
  let hasRun = false;
  const once = () => {
    hasRun = true;
    return run();
  };
  try {
    // Where contexts are kept otherwise than by Node, as in browsers, the span of the caller is still there.
    return api.with(api.active().deleteValue(SPAN).setValue(SUPPRESS, true), once);
  } catch (error) {
    if (hasRun) throw error;
    // Whatever is wrong with a tracer costs no event its way.
    return run();
  }
}
