/**
 * A built-in module of Node, Deno or Bun, or null if the host has none. Looked up without an import, so that the same
 * file loads in browsers and workers.
 */
export function hostModule<T>(name: `node:${string}`): T | null {
  const host = (globalThis as { process?: { getBuiltinModule?: ((name: string) => unknown) | undefined | undefined } })
    .process;
  try {
    return (host?.getBuiltinModule?.(name) as T | undefined) ?? null;
  } catch {
    return null;
  }
}
