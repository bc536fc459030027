import type { CollectedEvent, CollectingProducer } from './collecting-producer.ts';

/** The parts of `this` in a matcher that are used; vitest's and Jest's `expect` provide them. */
export interface MatcherContext {
  readonly isNot?: boolean | undefined;
  readonly equals: (a: unknown, b: unknown, testers?: never[]) => boolean;
  readonly utils: { readonly stringify: (value: unknown) => string; readonly subsetEquality: unknown };
}

/** Result of a matcher. */
export interface MatchResult {
  readonly pass: boolean;
  readonly message: () => string;
}

type Collected = Pick<CollectingProducer<never>, 'events' | 'refused'>;

/** A matcher over a collecting producer. */
type ProducerMatcher<Args extends unknown[]> = (this: MatcherContext, received: unknown, ...args: Args) => MatchResult;

/**
 * Matchers for `expect.extend(producerMatchers)`. For vitest, `@pik/sdk/vitest` registers them with types.
 *
 * - `toHaveEmitted(event_type?, payload?, fields?)`: at least one such event. Payload and fields are compared as in
 *   `toMatchObject`; asymmetric matchers may appear anywhere.
 * - `toHaveEmittedTimes(event_type, count)`: exactly this many events of this type.
 * - `toHaveRefused(code?)`: at least one emit was refused, with this code if given.
 *
 * @example
 * import { createCollectingProducer, producerMatchers } from '@pik/sdk/testing';
 * import '@pik/sdk/vitest';
 * import { expect } from 'vitest';
 *
 * const producer = createCollectingProducer({ source: 'shop' });
 * expect.extend(producerMatchers);
 * expect(producer).toHaveEmitted('order.placed', { total: 42 });
 */
export const producerMatchers: {
  readonly toHaveEmitted: ProducerMatcher<[event_type?: string, payload?: object, fields?: Partial<CollectedEvent>]>;
  readonly toHaveEmittedTimes: ProducerMatcher<[event_type: string, count: number]>;
  readonly toHaveRefused: ProducerMatcher<[code?: string]>;
} = {
  toHaveEmitted(received, event_type, payload, fields) {
    const { events } = collectedOf(received);
    const wanted = {
      ...fields,
      ...(event_type === undefined ? {} : { event_type }),
      ...(payload === undefined ? {} : { payload }),
    };
    const testers = [this.utils.subsetEquality] as never[];
    const pass = events.some((event) => this.equals(event, wanted, testers));
    const what = Object.keys(wanted).length === 0 ? 'any event' : this.utils.stringify(wanted);
    return { pass, message: () => sentence(this, `to have emitted ${what}`, events) };
  },

  toHaveEmittedTimes(received, event_type, count) {
    const { events } = collectedOf(received);
    const found = events.filter((event) => event.event_type === event_type).length;
    const what = `to have emitted ${event_type} ${count} times, but it did ${found} times`;
    return { pass: found === count, message: () => sentence(this, what, events) };
  },

  toHaveRefused(received, code) {
    const { refused } = collectedOf(received);
    const pass = refused.some((one) => code === undefined || one.code === code);
    return {
      pass,
      message: () => sentence(this, `to have refused an emit${code === undefined ? '' : ` with ${code}`}`, refused),
    };
  },
};

function collectedOf(received: unknown): Collected {
  const { events, refused } = (received ?? {}) as Partial<Collected>;
  if (Array.isArray(events) && Array.isArray(refused)) return { events, refused };
  throw new TypeError('expected a producer of createCollectingProducer');
}

function sentence({ isNot, utils }: MatcherContext, what: string, collected: readonly unknown[]): string {
  const list = collected.map((one) => `\n  ${utils.stringify(one)}`).join('');
  return `expected the producer ${isNot === true ? 'not ' : ''}${what}; it has:${list === '' ? ' nothing' : list}`;
}
