import { floorToHour, KitError, MS_PER_HOUR, packStoredMs } from '@pik/schema';

import type { WordsFile } from '../ports/closed-hours.ts';
import type { Context } from '../runtime/context.ts';
import type { Expression } from './rules/expression.ts';
import { mayHaveWord } from './rules/word-filter.ts';
import { hasWords, wordNeedOf } from './rules/word-needs.ts';

/**
 * Tells of packs of closed hours whether a line of them may match, by the words that they have. True where the words are not known:
 * in open hours, for packs that were found later, and if the file of words is damaged, which is logged.
 */
export function createPackCheck(context: Context, expression: Expression): (packId: string) => Promise<boolean> {
  const need = wordNeedOf(expression);
  const { closedHours } = context.backend;
  if (need === null || closedHours === undefined) return async () => true;
  const filesOf = lastOf(async (hourMs: number) => {
    const [hour] = await closedHours.list({ fromMs: hourMs, toMs: hourMs + MS_PER_HOUR });
    return hour?.words ?? [];
  });
  const wordsOf = lastOf(async (file: WordsFile) => {
    try {
      return await closedHours.readWords(file);
    } catch (error) {
      if (!KitError.is(error) || error.code !== 'HOUR_DAMAGED') throw error;
      context.telemetry.log('error', 'words_unreadable', { key: file.key });
      return NO_WORDS;
    }
  });
  return async (packId) => {
    const files = await filesOf(floorToHour(packStoredMs(packId)));
    const file = files.find(({ first_pack_id, last_pack_id }) => first_pack_id <= packId && packId <= last_pack_id);
    const filter = file === undefined ? undefined : (await wordsOf(file)).get(packId);
    if (filter === undefined || filter.length === 0) return true;
    return hasWords(need, (hash) => mayHaveWord(filter, hash));
  };
}

const NO_WORDS: ReadonlyMap<string, Uint8Array> = new Map();

/** Keeps the last answer: packs are asked for in order. */
function lastOf<K, V>(read: (key: K) => Promise<V>): (key: K) => Promise<V> {
  let last: { readonly key: K; readonly value: Promise<V> } | null = null;
  return (key) => {
    if (last?.key !== key) last = { key, value: read(key) };
    return last.value;
  };
}
