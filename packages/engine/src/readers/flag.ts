/** A flag that one thread sets and others see at once, even while they compute. */
export function createFlag(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/** Sets a flag for ever. */
export function setFlag(flag: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(flag), 0, 1);
}

/** Returns a function that tells whether any of the flags is set. */
export function anyFlag(...flags: readonly SharedArrayBuffer[]): () => boolean {
  const views = flags.map((flag) => new Int32Array(flag));
  return () => views.some((view) => Atomics.load(view, 0) !== 0);
}
