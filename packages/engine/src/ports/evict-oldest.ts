/** Deletes the key that was added first, to bound a map or set that is used as a cache. */
export function evictOldest<K>(held: { keys(): Iterator<K, unknown>; delete(key: K): boolean }): void {
  const oldest = held.keys().next();
  if (oldest.done !== true) held.delete(oldest.value);
}
