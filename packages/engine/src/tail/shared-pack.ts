import type { TailItem, TailQuery } from '@pik/schema';

import { matchView } from '../search/find.ts';
import type { PackLines } from './pack-lines.ts';
import { tailCursor } from './tail-cursor.ts';
import { matchesIn, type Tail, type TailMatch } from './tail-page.ts';

/** The item of a match. */
export type MatchItem = Extract<TailItem, { kind: 'match' }>;

/** Makes the item of a match. */
export function matchItem({ facts, pack_id }: TailMatch, include: TailQuery['include']): MatchItem {
  const json = JSON.stringify(matchView(facts, { pack_id, include }));
  return { kind: 'match', json, cursor: tailCursor({ pack_id, line: facts.envelope.line + 1 }) };
}

/** The question of a listener. */
export interface Listening {
  readonly tail: Tail;
  readonly include: TailQuery['include'];
}

/** A pack for many listeners: those with the same expression share its matches, and all of them the item of a receipt. */
export interface SharedPack {
  readonly pack_id: string;
  items(listening: Listening): readonly MatchItem[];
}

/** Shares the lines of a pack. */
export function createSharedPack(pack_id: string, lines: PackLines): SharedPack {
  const found = new Map<string, readonly MatchItem[]>();
  const made = new Map<string, MatchItem>();
  const itemOf = (match: TailMatch, include: TailQuery['include']): MatchItem => {
    const key = `${match.facts.envelope.line} ${include}`;
    const item = made.get(key) ?? matchItem(match, include);
    made.set(key, item);
    return item;
  };
  return {
    pack_id,
    items({ tail, include }) {
      const key = `${include} ${tail.key}`;
      const known = found.get(key);
      if (known !== undefined) return known;
      const items = Array.from(matchesIn(lines, tail), (facts) => itemOf({ facts, pack_id }, include));
      found.set(key, items);
      return items;
    },
  };
}
