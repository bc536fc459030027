/** Runs what the caller brought, so that a fault in it costs no more than what it was asked for. */
export class Callbacks {
  errors = 0;
  readonly #onError: ((error: unknown, callback: string) => void) | undefined;

  constructor(onError: ((error: unknown, callback: string) => void) | undefined) {
    this.#onError = onError;
  }

  /** What the callback gives; undefined where it gives nothing, throws, or gives what it may not. */
  ask<T>(name: string, isWanted: (value: unknown) => value is T, run: () => unknown): T | undefined {
    let value: unknown;
    try {
      value = run();
      if (value === undefined || value === null) return undefined;
      if (isWanted(value)) return value;
    } catch (error) {
      this.#fail(error, name);
      return undefined;
    }
    // Nobody waits for a promise here, and one that rejects must not end the process.
    if (value instanceof Promise) value.catch(() => {});
    this.#fail(new TypeError(`${name} gave a ${typeof value} that it may not give`), name);
    return undefined;
  }

  #fail(error: unknown, name: string): void {
    this.errors += 1;
    try {
      this.#onError?.(error, name);
    } catch {
      // It was told.
    }
  }
}
