import { latestKeys, textOf } from '../compact/hour-file.ts';
import { hourFileOf, hourFolder, type PackSalts, seedsByPack } from '../compact/rules/hour-files.ts';
import type { Backend } from '../ports/backend.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';

/** The generations of an hour that have files, in order. */
export async function generationsOf({ files }: Pick<Backend, 'files'>, hourMs: number): Promise<number[]> {
  const found = new Set<number>();
  for await (const key of readPages((cursor) => files.list(hourFolder(hourMs), cursor))) {
    const file = hourFileOf(key);
    if (file !== null) found.add(file.generation);
  }
  return [...found].sort((a, b) => a - b);
}

/**
 * Reads the salts of packs, hour by hour; null for a pack that no tree covers. The files decide, not the commit of the hour, because a
 * rebuild makes the commit from the files.
 */
export function hourSeeds({ backend }: Context): (hourMs: number, packId: string) => Promise<PackSalts | null> {
  let known: { readonly hourMs: number; readonly salts: ReadonlyMap<string, PackSalts> } | null = null;
  return async (hourMs, packId) => {
    if (known?.hourMs !== hourMs) known = { hourMs, salts: await saltsOfHour(backend, hourMs) };
    return known.salts.get(packId) ?? null;
  };
}

async function saltsOfHour(backend: Backend, hourMs: number): Promise<Map<string, PackSalts>> {
  const salts = new Map<string, PackSalts>();
  // A later generation has the salts of those before it.
  for (const generation of await generationsOf(backend, hourMs)) {
    const { seeds } = await latestKeys(backend, hourMs, generation);
    const bytes = await backend.files.get(seeds);
    if (bytes === null) continue;
    for (const [packId, one] of seedsByPack(textOf(bytes), seeds)) salts.set(packId, one);
  }
  return salts;
}
