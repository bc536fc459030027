/** Those who wait for something to become true, asked again whenever something has changed. */
export class Signal {
  #checks: (() => void)[] = [];

  /** Resolves when it holds. The signal only makes it look again. */
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

  /** Something has changed. */
  notify(): void {
    if (this.#checks.length === 0) return;
    const checks = this.#checks;
    this.#checks = [];
    for (const check of checks) check();
  }
}
