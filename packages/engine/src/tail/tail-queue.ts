import { LIMITS, type Skipped, type TailItem, type TailQuery } from '@pik/schema';

import { matchView } from '../search/find.ts';
import type { PackLines } from './pack-lines.ts';
import { AFTER_ALL_LINES, type TailPlace, tailCursor } from './tail-cursor.ts';
import { matchesIn, type Tail, type TailMatch } from './tail-page.ts';

/** The item of a match. */
export function matchItem(
  { facts, pack_id }: TailMatch,
  include: TailQuery['include'],
): Extract<TailItem, { kind: 'match' }> {
  const json = JSON.stringify(matchView(facts, { pack_id, include }));
  return { kind: 'match', json, cursor: tailCursor({ pack_id, line: facts.envelope.line + 1 }) };
}

/** The matches that wait for one listener. Beyond its bounds it counts them, and beyond a bound of that count it ends. */
export interface TailQueue {
  add(pack: PackLines & { readonly pack_id: string }): void;
  take(): TailItem | null;
  end(): void;
  isEnded(): boolean;
  /** Waits for something to take or the end; false if this many milliseconds pass first. */
  pause(ms: number): Promise<boolean>;
  /** Continues after all that was added, once everything is taken. */
  cursor(): string;
}

/** Creates the queue of a listener whose stream continues from a place. */
export function createTailQueue(
  { tail, include }: { tail: Tail; include: TailQuery['include'] },
  start: TailPlace,
): TailQueue {
  let items: TailItem[] = [];
  let next = 0;
  let chars = 0;
  let place = start;
  /** After the last item that was taken, and after the last one that was added. */
  let [taken, added] = [tailCursor(start), tailCursor(start)];
  let skipped: Skipped | null = null;
  let isEnded = false;
  const bell = createBell();
  const isFull = (item: { json: string }) =>
    items.length - next >= LIMITS.tail_queue_max ||
    (items.length > next && chars + item.json.length > LIMITS.tail_queue_chars_max);
  const skip = (to: string) => {
    skipped = { from: skipped?.from ?? added, to, count: (skipped?.count ?? 0) + 1 };
    if (skipped.count < LIMITS.tail_skipped_max) return;
    // The waiting matches are given up too.
    const count = skipped.count + items.length - next;
    items = [{ kind: 'cut', skipped: { from: taken, to, count }, cursor: taken }];
    [next, chars, skipped, isEnded] = [0, 0, null, true];
  };
  const addMatch = (match: TailMatch) => {
    const item = matchItem(match, include);
    if (skipped !== null || isFull(item)) return skip(item.cursor);
    items.push(item);
    chars += item.json.length;
    added = item.cursor;
  };
  const takeSkipped = (): TailItem | null => {
    if (skipped === null) return null;
    const item: TailItem = { kind: 'skipped', skipped, cursor: skipped.to };
    [taken, added, skipped] = [skipped.to, skipped.to, null];
    return item;
  };
  return {
    add(pack) {
      const { pack_id } = pack;
      for (const facts of matchesIn(pack, tail)) if (!isEnded) addMatch({ pack_id, facts });
      place = { pack_id, line: AFTER_ALL_LINES };
      if (items.length > next || isEnded) bell.ring();
    },
    take() {
      const item = items[next];
      if (item === undefined) return takeSkipped();
      next += 1;
      if (item.kind === 'match') chars -= item.json.length;
      taken = item.cursor;
      if (next === items.length) [items, next] = [[], 0];
      return item;
    },
    end() {
      isEnded = true;
      bell.ring();
    },
    isEnded: () => isEnded,
    pause: async (ms) => isEnded || items.length > next || bell.wait(ms),
    cursor: () => tailCursor(place),
  };
}

/** Wakes the one that waits for it. */
interface Bell {
  ring(): void;
  /** False if this many milliseconds pass first. */
  wait(ms: number): Promise<boolean>;
}

function createBell(): Bell {
  let ring = () => {};
  return {
    ring: () => ring(),
    async wait(ms) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const isRung = await new Promise<boolean>((resolve) => {
        ring = () => resolve(true);
        timer = setTimeout(() => resolve(false), ms);
        timer.unref();
      });
      clearTimeout(timer);
      ring = () => {};
      return isRung;
    },
  };
}
