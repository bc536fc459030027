import type { Match } from '@pik/schema';
import { useEffect, useRef, useState } from 'preact/hooks';

import { type ApiError, errorOf, type Values } from './api.ts';
import { apiKey } from './key.ts';
import { type Progress, search } from './search.ts';
import { followTail, type TailState } from './tail.ts';

/** The receipts on screen, and how they came. */
export interface Receipts {
  /** The last stored first. */
  readonly rows: readonly Match[];
  /** Receipts that arrived while the reader was further down; `release` puts them on top. */
  readonly held: number;
  readonly progress: Progress | null;
  readonly search: 'on' | 'stopped' | 'more' | 'done';
  /** Null without a tail. */
  readonly tail: TailState | null;
  /** Receipts that arrived faster than the server keeps for one reader. */
  readonly skipped: number;
  readonly unreadable: number;
  readonly error: ApiError | null;
}

/** Acts on the receipts on screen. */
export interface ReceiptActions {
  stop(): void;
  /** Goes on with the search, also after an error. */
  more(): void;
  release(): void;
}

/** A search, and whether to follow arrivals. */
export interface Asking {
  /** Fields of the search; null asks nothing. */
  readonly values: Values | null;
  readonly isLive: boolean;
  /** True while arrivals wait, because the reader is further down. */
  readonly isHeld: boolean;
}

/** Matches of a search before the reader asks for more. */
const FIRST_MATCHES = 500;
/** Arrivals that stay on screen. */
const ARRIVALS_MAX = 5_000;
/** Milliseconds between two drawings of what was found. */
const DRAW_MS = 60;

/** The address of a receipt as one text. */
export const keyOf = ({ pack_id, line }: { readonly pack_id: string; readonly line: number }) => `${pack_id}/${line}`;

type Rest = Omit<Receipts, 'rows' | 'held'>;

/** Collects what is found and what arrives, each receipt once, and draws it now and then. */
class Collector {
  /** Continues behind everything found so far. */
  cursor: string | null = null;
  #rest: Rest;
  readonly #seen = new Set<string>();
  readonly #found: Match[] = [];
  #arrived: readonly Match[] = [];
  #waiting: readonly Match[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #setView: (view: Receipts) => void;

  constructor(isLive: boolean, setView: (view: Receipts) => void) {
    this.#rest = {
      ...{ progress: null, search: 'on', tail: isLive ? 'connecting' : null, skipped: 0, unreadable: 0, error: null },
    };
    this.#setView = setView;
  }

  get view(): Receipts {
    return { ...this.#rest, rows: [...this.#arrived, ...this.#found], held: this.#waiting.length };
  }

  change(rest: Partial<Rest> | ((now: Rest) => Partial<Rest>)): void {
    this.#rest = { ...this.#rest, ...(typeof rest === 'function' ? rest(this.#rest) : rest) };
    this.#draw();
  }

  find(matches: readonly Match[]): void {
    for (const match of this.#unseen(matches)) this.#found.push(match);
    this.#draw();
  }

  arrive(matches: readonly Match[], isHeld: boolean): void {
    this.#waiting = [...this.#unseen(matches).reverse(), ...this.#waiting].slice(0, ARRIVALS_MAX);
    if (isHeld) this.#draw();
    else this.release();
  }

  release(): void {
    this.#arrived = [...this.#waiting, ...this.#arrived].slice(0, ARRIVALS_MAX);
    this.#waiting = [];
    this.#draw();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #unseen(matches: readonly Match[]): Match[] {
    const fresh = matches.filter((match) => !this.#seen.has(keyOf(match)));
    for (const match of fresh) this.#seen.add(keyOf(match));
    return fresh;
  }

  #draw(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#setView(this.view);
    }, DRAW_MS);
  }
}

/** Searches, and follows what arrives. The tail begins before the search, so that no receipt falls between them. */
export function useReceipts({ values, isLive, isHeld }: Asking): readonly [Receipts, ReceiptActions] {
  const held = useRef(isHeld);
  held.current = isHeld;
  const [view, setView] = useState<Receipts>(() => new Collector(isLive, () => undefined).view);
  const [actions, setActions] = useState<ReceiptActions>(NOTHING_TO_DO);
  const key = JSON.stringify([values, isLive, apiKey.value]);
  useEffect(() => {
    const collector = new Collector(isLive, setView);
    setView(collector.view);
    if (values === null) return undefined;
    const run = start({ values, isLive, isHeld: () => held.current, collector });
    setActions(run);
    return run.end;
  }, [key]);
  return [view, actions];
}

const NOTHING_TO_DO: ReceiptActions = { stop() {}, more() {}, release() {} };

interface Run {
  readonly values: Values;
  readonly isLive: boolean;
  isHeld(): boolean;
  readonly collector: Collector;
}

function start({ values, isLive, isHeld, collector }: Run): ReceiptActions & { end(): void } {
  const ended = new AbortController();
  let searching: AbortController | null = null;
  const more = () => {
    searching = new AbortController();
    void searchOn(values, collector, AbortSignal.any([searching.signal, ended.signal]));
  };
  if (isLive)
    followTail(
      { where: values.where },
      {
        signal: ended.signal,
        onMatches: (matches) => collector.arrive(matches, isHeld()),
        onSkipped: (count) => collector.change(({ skipped }) => ({ skipped: skipped + count })),
        onState: (tail) => {
          collector.change({ tail });
          if (tail !== 'connecting' && searching === null) more();
        },
      },
    ).catch((cause) => collector.change({ search: 'stopped', error: errorOf(cause) }));
  else more();
  return {
    stop: () => searching?.abort(),
    more,
    release: () => collector.release(),
    end() {
      ended.abort();
      collector.end();
    },
  };
}

/** Goes on with a search where it stands. */
async function searchOn(values: Values, collector: Collector, signal: AbortSignal): Promise<void> {
  collector.change({ search: 'on', error: null });
  try {
    const next = await search(collector.cursor === null ? values : { ...values, cursor: collector.cursor }, {
      ...{ count: FIRST_MATCHES, signal },
      onMatches: (matches) => collector.find(matches),
      onProgress: (progress) => collector.change({ progress }),
      onUnreadable: () => collector.change(({ unreadable }) => ({ unreadable: unreadable + 1 })),
      onCursor: (cursor) => {
        collector.cursor = cursor;
      },
    });
    collector.change({ search: next === null ? 'done' : 'more' });
  } catch (cause) {
    collector.change(signal.aborted ? { search: 'stopped' } : { search: 'stopped', error: errorOf(cause) });
  }
}
