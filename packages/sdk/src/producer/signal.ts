/** Condition variable: lets callers wait for a condition, and checks it again after every `notify`. */
export class Signal {
  #checks: (() => void)[] = [];

  /** Resolves when the condition holds. When the signal aborts, the condition is only checked again. */
  until(holds: () => boolean, signal?: AbortSignal): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const check = () => {
        if (!holds()) return void this.#checks.push(check);
        signal?.removeEventListener('abort', check);
        resolve();
      };
      this.#checks.push(check);
      signal?.addEventListener('abort', check);
    });
  }

  /** Checks all waiting conditions again. Call it after a change. */
  notify(): void {
    if (this.#checks.length === 0) return;
    const checks = this.#checks;
    this.#checks = [];
    for (const check of checks) check();
  }
}
