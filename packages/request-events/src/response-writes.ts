import type { ServerResponse } from 'node:http';

import type { Completion } from './payload.ts';

/** What is told of a response. */
export interface Observed {
  /** A part of the body, as it is written. */
  add(chunk: unknown, encoding: unknown): void;
  settle(completion: Completion): void;
}

/** One for all copies of this package in a process, so that a request is never counted twice. */
const OBSERVED = Symbol.for('@pik/request-events observed');
/** There where a prototype tells of writes already. */
const TELLS = Symbol.for('@pik/request-events tells');

type Call = (...args: unknown[]) => unknown;
type Name = 'write' | 'end';

/** What was noted at a response. */
interface Watch {
  readonly observed: Observed;
  /** Its own methods, where those of its prototype do not tell. */
  readonly write: Call;
  readonly end: Call;
  /** Within a call that was told: some responses write by others of their own methods. */
  isInside: boolean;
  isEnding: boolean;
}

/** A response, or the prototype of some. */
interface Watched {
  [OBSERVED]?: Watch;
  [TELLS]?: true;
  write: Call;
  end: Call;
}

/** Who is told of a response, if anybody. */
export function observedOf(response: ServerResponse): Observed | undefined {
  return (response as unknown as Watched)[OBSERVED]?.observed;
}

/** Tells of everything that is written to a response from now on. */
export function observeResponse(response: ServerResponse, observed: Observed): void {
  const watched = response as unknown as Watched;
  const { write, end } = watched;
  watched[OBSERVED] = { observed, write, end, isInside: false, isEnding: false };
  if (watched[TELLS] === true) return;
  // The same functions for all responses: one closure for each would cost as much as all else here.
  watched.write = writeOfOne;
  watched.end = endOfOne;
}

/**
 * Lets the responses of a prototype tell of their writes, those that are observed. Responses that are given a prototype
 * with each request, as those of Express are, become slow to use once they have methods of their own; the prototype that a
 * framework makes for one application spares them that.
 */
export function observeResponsesOf(prototype: object): void {
  const watched = prototype as Watched;
  if (Object.hasOwn(watched, TELLS) || !Object.isExtensible(watched)) return;
  Object.defineProperty(watched, TELLS, { value: true });
  for (const name of ['write', 'end'] as const) {
    const own = Object.hasOwn(watched, name) ? watched[name] : null;
    // What is inherited may be replaced later, by others.
    const inner = () => own ?? (Object.getPrototypeOf(watched) as Watched)[name];
    const value = function (this: Watched, ...args: unknown[]): unknown {
      return this[OBSERVED] === undefined ? inner().apply(this, args) : told(this, name, { args, inner: inner() });
    };
    Object.defineProperty(watched, name, { value, configurable: true, writable: true });
  }
}

function writeOfOne(this: Watched, ...args: unknown[]): unknown {
  return told(this, 'write', { args, inner: (this[OBSERVED] as Watch).write });
}

function endOfOne(this: Watched, ...args: unknown[]): unknown {
  return told(this, 'end', { args, inner: (this[OBSERVED] as Watch).end });
}

function told(response: Watched, name: Name, { args, inner }: { args: unknown[]; inner: Call }): unknown {
  const watch = response[OBSERVED] as Watch;
  if (watch.isInside || watch.isEnding) return inner.apply(response, args);
  watch.observed.add(args[0], args[1]);
  watch.isInside = true;
  watch.isEnding = name === 'end';
  try {
    return inner.apply(response, args);
  } finally {
    watch.isInside = false;
  }
}
