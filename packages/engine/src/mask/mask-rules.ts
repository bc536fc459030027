import type { Aggregate } from '@pik/aggregates';
import type { Mask, MaskRules } from '@pik/schema';

import { isBelowMasked, isMaskedPath } from './rules/masked-paths.ts';

/** The rules by which answers are masked; null without a mask. A metric that is no longer declared counts as masked. */
export function maskRules(mask: Mask | null, aggregates: ReadonlyMap<string, Aggregate>): MaskRules | null {
  if (mask === null) return null;
  return {
    mask,
    isMaskedPath: (path) => isMaskedPath(path, mask),
    isMaskedMetric(metric) {
      const aggregate = aggregates.get(metric);
      if (aggregate === undefined) return true;
      return aggregate.reads_payload && mask.covers(aggregate.sources ?? undefined, aggregate.event_types ?? undefined);
    },
  };
}

/** Says whether the caller of a question may not see the values at a path. */
export function maskedPlaces({ mask }: { readonly mask: MaskRules | null }): (path: string) => boolean {
  return mask === null ? () => false : (path) => isBelowMasked(path, mask.mask);
}
