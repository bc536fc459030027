let watcher: ((name: string) => void) | null = null;

/**
 * Says that a rare state was reached. It does nothing unless the simulator of the test kit watches: a state that no night of
 * histories reaches is one that nothing tests.
 */
export function sometimes(name: string): void {
  watcher?.(name);
}

/** Calls `watch` with each name from now on. For the simulator. */
export function watchSometimes(watch: ((name: string) => void) | null): void {
  watcher = watch;
}
