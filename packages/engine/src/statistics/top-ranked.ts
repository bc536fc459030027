/** An event with what it is ranked by. */
export interface Ranked {
  readonly rank: number;
  readonly id: string;
}

/** The events with the largest ranks, equal ones in order of their ids: as many as are asked for and some more are held. */
export interface TopRanked {
  /** The id is made only where the event may be among them. */
  offer(rank: number, id: () => string): void;
  /** The largest first. */
  items(): readonly Ranked[];
}

/** The order of a ranking. */
export function compareRanked(a: Ranked, b: Ranked): number {
  if (a.rank !== b.rank) return b.rank - a.rank;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** None yet. `after`: only those that come after it in the ranking. */
export function createTopRanked(max: number, after: Ranked | null = null): TopRanked {
  const found: Ranked[] = [];
  /** The last of them, once there are as many: what comes after it is not among them. */
  let last: Ranked | null = null;
  // Sorted and cut now and then, so that most events cost one comparison.
  const cut = () => {
    found.sort(compareRanked);
    found.length = Math.min(found.length, max);
    if (found.length === max) last = found.at(-1) ?? null;
  };
  return {
    offer(rank, id) {
      if ((last !== null && rank < last.rank) || (after !== null && rank > after.rank)) return;
      const one = { rank, id: id() };
      if (last !== null && compareRanked(one, last) >= 0) return;
      if (after !== null && compareRanked(one, after) <= 0) return;
      found.push(one);
      if (found.length >= 2 * max + 100) cut();
    },
    items() {
      cut();
      return found;
    },
  };
}
