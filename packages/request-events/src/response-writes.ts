import type { ServerResponse } from 'node:http';

import type { Completion } from './payload.ts';

/** The observer of a response. */
export interface Observed {
  /** Called with each part of the body, as it is written. */
  add(chunk: unknown, encoding: unknown): void;
  complete(completion: Completion): void;
}

/** Shared by all copies of this package in a process, so that a request is never counted twice. */
const OBSERVED = Symbol.for('@pik/request-events observed');
/** Marks a prototype whose methods report writes. */
const REPORTS = Symbol.for('@pik/request-events reports');

type Call = (...args: unknown[]) => unknown;
type Name = 'write' | 'end';

/** The state of an observed response. */
interface Watch {
  readonly observed: Observed;
  /** The original methods, if those of its prototype do not report. */
  readonly write: Call;
  readonly end: Call;
  /** Within a reported call: some responses implement one method by another. */
  isInside: boolean;
  isEnding: boolean;
}

/** A response, or a prototype of responses. */
interface Watched {
  [OBSERVED]?: Watch | undefined;
  [REPORTS]?: true | undefined;
  write: Call;
  end: Call;
}

/** The observer of a response, if there is one. */
export function observedOf(response: ServerResponse): Observed | undefined {
  const { [OBSERVED]: watch }: ServerResponse & Pick<Watched, typeof OBSERVED> = response;
  return watch?.observed;
}

/** Reports everything that is written to a response from now on. */
export function observeResponse(response: ServerResponse, observed: Observed): void {
  const watched = response as unknown as Watched;
  const { write, end } = watched;
  watched[OBSERVED] = { observed, write, end, isInside: false, isEnding: false };
  if (watched[REPORTS] === true) return;
  // The same functions for all responses: a closure for each would cost as much as everything else here.
  watched.write = reportedWrite;
  watched.end = reportedEnd;
}

/**
 * Makes a prototype's methods report the writes of observed responses. Responses that get their prototype per request,
 * as Express's do, become slow with methods of their own; patching the prototype that a framework creates per
 * application avoids that.
 */
export function observeResponsesOf(prototype: object): void {
  const watched = prototype as Watched;
  if (Object.hasOwn(watched, REPORTS) || !Object.isExtensible(watched)) return;
  Object.defineProperty(watched, REPORTS, { value: true });
  for (const name of ['write', 'end'] as const) {
    const own = Object.hasOwn(watched, name) ? watched[name] : null;
    // Others may replace inherited methods later.
    const inner = (): Call => own ?? Object.getPrototypeOf(watched)[name];
    const value = function (this: Watched, ...args: unknown[]): unknown {
      const watch = this[OBSERVED];
      if (watch === undefined || !begin(watch, name)) return inner().apply(this, args);
      try {
        watch.observed.add(args[0], args[1]);
        return inner().apply(this, args);
      } finally {
        watch.isInside = false;
      }
    };
    Object.defineProperty(watched, name, { value, configurable: true, writable: true });
  }
}

function reportedWrite(this: Watched, ...args: unknown[]): unknown {
  const watch = watchOf(this);
  if (!begin(watch, 'write')) return watch.write.apply(this, args);
  try {
    watch.observed.add(args[0], args[1]);
    return watch.write.apply(this, args);
  } finally {
    watch.isInside = false;
  }
}

function reportedEnd(this: Watched, ...args: unknown[]): unknown {
  const watch = watchOf(this);
  if (!begin(watch, 'end')) return watch.end.apply(this, args);
  try {
    watch.observed.add(args[0], args[1]);
    return watch.end.apply(this, args);
  } finally {
    watch.isInside = false;
  }
}

function watchOf(response: Watched): Watch {
  const watch = response[OBSERVED];
  if (watch === undefined) throw new TypeError('the response is not observed');
  return watch;
}

/** Notes the begin of a call. Returns false if it is not to be reported. */
function begin(watch: Watch, name: Name): boolean {
  if (watch.isInside || watch.isEnding) return false;
  watch.isInside = true;
  watch.isEnding = name === 'end';
  return true;
}
