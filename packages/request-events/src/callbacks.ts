/** Runs callbacks of the caller. A failing callback loses only its own result. */
export class Callbacks {
  errors = 0;
  readonly #onError: ((error: unknown, callback: string) => void) | undefined;

  constructor(onError: ((error: unknown, callback: string) => void) | undefined) {
    this.#onError = onError;
  }

  /** The callback's result; undefined if it returns none, throws, or returns an invalid value. */
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
    // Nothing waits for a promise here, and a rejected promise must not end the process.
    if (value instanceof Promise) value.catch(() => {});
    this.#fail(new TypeError(`${name} returned an invalid ${typeof value}`), name);
    return undefined;
  }

  #fail(error: unknown, name: string): void {
    this.errors += 1;
    try {
      this.#onError?.(error, name);
    } catch {
      // Errors of `onError` itself are ignored.
    }
  }
}
