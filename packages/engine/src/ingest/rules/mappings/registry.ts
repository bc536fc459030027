import { cloudEvents1 } from './cloudevents.ts';
import { hook1 } from './hook.ts';
import { mapped1 } from './mapped.ts';
import type { Mapping } from './mapping.ts';
import { otlp1 } from './otlp.ts';
import { segment1 } from './segment.ts';

/** Every version of every mapping that ever read a receipt. None is ever removed: a rebuild reads old receipts with it. */
// biome-ignore lint/suspicious/noExplicitAny: each mapping has settings of its own, which only it reads
const MAPPINGS: readonly Mapping<any>[] = [cloudEvents1, segment1, hook1, otlp1, mapped1];

/** The mapping with this name and version, or the latest one of this name; null if this release has none. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export function findMapping(name: string, version?: number): Mapping<any> | null {
  return MAPPINGS.findLast((one) => one.name === name && (version === undefined || one.version === version)) ?? null;
}
