/** An event with its rank. */
export interface Ranked {
  readonly rank: number;
  readonly id: string;
}

/** The events with the largest ranks, ordered by id if ranks are equal; holds slightly more than the requested number. */
export interface TopRanked {
  /** Offers an event; `id` is called only if the event may rank among the largest. */
  offer(rank: number, id: () => string): void;
  /** The events, largest rank first. */
  items(): readonly Ranked[];
}

/** The order of a ranking. */
export function compareRanked(a: Ranked, b: Ranked): number {
  if (a.rank !== b.rank) return b.rank - a.rank;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Creates an empty ranking. If `after` is set, it only takes events that rank after it. */
export function createTopRanked(max: number, after: Ranked | null = null): TopRanked {
  const found: Ranked[] = [];
  /** The last ranked event once the ranking is full: events after it do not qualify. */
  let last: Ranked | null = null;
  // Sorts and truncates only now and then, so that most events cost one comparison.
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
