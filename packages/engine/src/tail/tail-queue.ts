import { LIMITS, type Skipped, type TailItem } from '@pik/schema';

import type { Listening, MatchItem, SharedPack } from './shared-pack.ts';
import { AFTER_ALL_LINES, type TailPlace, tailCursor } from './tail-cursor.ts';

/** The matches that wait for one listener. Beyond its bounds it counts them, and beyond a bound of that count it ends. */
export interface TailQueue {
  add(pack: SharedPack): void;
  take(): TailItem | null;
  end(): void;
  isEnded(): boolean;
  /** Waits for something to take or the end; false if this many milliseconds pass first. */
  pause(ms: number): Promise<boolean>;
  /** Continues after all that was added, once everything is taken. */
  cursor(): string;
}

/** Creates the queue of a listener whose stream continues from a place. */
export function createTailQueue(listening: Listening, start: TailPlace): TailQueue {
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
  const addMatch = (item: MatchItem) => {
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
      if (isEnded) return;
      for (const item of pack.items(listening)) if (!isEnded) addMatch(item);
      place = { pack_id: pack.pack_id, line: AFTER_ALL_LINES };
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
