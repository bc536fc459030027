import { KitError, LIMITS, type SelectionOf, type TailItem, tailQuestion } from '@pik/schema';
import type { QuestionOptions } from '../api/pipeline.ts';
import { readAsked } from '../runtime/answer-question.ts';
import type { Context } from '../runtime/context.ts';
import { askedContext } from '../runtime/question.ts';
import { matchItem } from './shared-pack.ts';
import { comparePlaces, type TailPlace, tailCursor } from './tail-cursor.ts';
import type { TailHub } from './tail-hub.ts';
import { readTail, settledPlace, startOf, type Tail, type TailMatch, tailOf } from './tail-page.ts';
import { createTailQueue } from './tail-queue.ts';

/** Matches that one read of the past returns. */
const PAST_AT_ONCE = 200;
/** Milliseconds between two looks at packs in flight, while a listener catches up with them. */
const IN_FLIGHT_MS = 20;
/** Milliseconds after which a stream without news says where it is, so that proxies keep it open. */
const QUIET_MS = 15_000;

/**
 * Follows the log: first what a cursor or a start time asks for, then each match when it is admitted, each once and in the order of
 * the log. Ends when the signal aborts, when the hub hangs up, and after an item `cut`.
 *
 * @throws KitError `RATE_LIMITED` above the maximum number of listeners, `REQUEST_INVALID`, `CURSOR_INVALID`.
 */
export async function* listen(
  context: Context,
  hub: TailHub,
  { given, options = {} }: { given: SelectionOf<'tail'>; options?: QuestionOptions | undefined },
): AsyncGenerator<TailItem> {
  const query = readAsked(context, tailQuestion, given);
  if (hub.followers() >= LIMITS.tail_listeners_max)
    throw new KitError('RATE_LIMITED', `the server has ${hub.followers()} listeners; poll pages, or try again later`);
  const tail = tailOf(query);
  // Packs named from now on come from the hub, all others from the log.
  const live: TailPlace = { pack_id: context.newId(), line: 0 };
  let place = startOf(query, live);
  const queue = createTailQueue({ tail, include: query.include }, later(place, live));
  const end = () => queue.end();
  const unfollow = hub.follow((pack) => {
    if (pack.pack_id > live.pack_id) queue.add(pack);
  }, end);
  const { signal } = options;
  if (signal instanceof AbortSignal) signal.addEventListener('abort', end);
  if (signal?.aborted === true) end();
  try {
    yield { kind: 'at', cursor: tailCursor(place) };
    while (comparePlaces(place, live) < 0 && !queue.isEnded()) {
      const { found, next } = await past(context, { tail, from: place, to: live, options });
      for (const match of found) yield matchItem(match, query.include);
      if (comparePlaces(next, place) <= 0) await queue.pause(IN_FLIGHT_MS);
      place = later(place, next);
    }
    for (;;) {
      const item = queue.take();
      if (item !== null) yield item;
      else if (queue.isEnded()) return;
      else if (!(await queue.pause(QUIET_MS))) yield { kind: 'at', cursor: queue.cursor() };
    }
  } finally {
    if (signal instanceof AbortSignal) signal.removeEventListener('abort', end);
    unfollow();
  }
}

const later = (a: TailPlace, b: TailPlace) => (comparePlaces(a, b) < 0 ? b : a);

interface Past {
  readonly tail: Tail;
  readonly from: TailPlace;
  readonly to: TailPlace;
  readonly options: QuestionOptions;
}

/** Matches that were stored before a stream began; each read has a budget of its own. */
async function past(
  context: Context,
  { tail, from, to, options }: Past,
): Promise<{ found: readonly TailMatch[]; next: TailPlace }> {
  const settled = settledPlace(context);
  const bound = comparePlaces(settled, to) < 0 ? settled : to;
  return readTail(askedContext(context, options), { ...tail, start: from, bound, limit: PAST_AT_ONCE });
}
