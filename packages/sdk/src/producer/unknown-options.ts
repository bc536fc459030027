import { nearestName } from '@pik/schema/events';

import type { EmitOptions } from './capture.ts';
import type { Log } from './log.ts';

/** The options of `emit`. */
const OPTIONS: Readonly<Record<keyof EmitOptions, true>> = {
  entity_id: true,
  event_time: true,
  idempotency_key: true,
  source: true,
  received_at: true,
  traceparent: true,
  schema_version: true,
  request_id: true,
};

/** Most names to remember: callers may invent names without end. */
const NAMES_MAX = 100;
const NAME_CHARS_MAX = 64;

/**
 * Warns once about each unknown option: a mistyped `idempotency_key` would otherwise silently be an event without a
 * key.
 */
export class UnknownOptions {
  readonly #log: Log;
  readonly #warned = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  check(options: EmitOptions): void {
    for (const name in options) if (!Object.hasOwn(OPTIONS, name)) this.#warn(name);
  }

  #warn(name: string): void {
    if (this.#warned.has(name) || this.#warned.size >= NAMES_MAX) return;
    this.#warned.add(name);
    const nearest = nearestName(name, Object.keys(OPTIONS));
    const meant = nearest === null ? '' : `; did you mean ${nearest}?`;
    const detail = `${name.slice(0, NAME_CHARS_MAX)} is not an option of emit and is ignored${meant}`;
    this.#log({ level: 'warn', event: 'unknown_option', detail });
  }
}
