import type { SelectionOf } from '@pik/schema';
import { describe, it } from 'vitest';

import { pins } from '../support/pinned.ts';
import { LIFE_START, liveOnce, type PinnedLife, withoutIds } from '../support/pinned-life.ts';

// Every report about one life, word by word. Other tests say what is right; here any change of an answer shows.

const HOUR = 3_600_000;
const expectPinned = pins('pinned-answers.json');

/** Made by the first test that asks, and kept: a hook for all would make them one test for the mutation tester. */
let made: Promise<PinnedLife> | null = null;
const life = () => {
  made ??= liveOnce();
  return made;
};

const at = (hours: number) => new Date(LIFE_START + hours * HOUR);
const base = { limit: 6 };
const WEEK = { start_time: at(168), end_time: at(336) };

const LAG: Record<string, SelectionOf<'lag'>> = {
  'by source': { ...base, basis: 'event', by: ['source'], include_imported: false, late_over_ms: HOUR },
  'by day in Berlin': { ...base, basis: 'event', by: ['day'], time_zone: 'Europe/Berlin', include_imported: true },
  'by receive time, in a week': {
    ...base,
    ...WEEK,
    basis: 'received',
    by: ['source', 'event_type'],
    late_over_ms: 60_000,
  },
  'by hour, as of then': { ...base, basis: 'event', by: ['hour'], as_of: at(60.5), source: 'shop' },
  'of nothing': { ...base, basis: 'event', by: ['source'], source: 'none' },
};
const DUPLICATES: Record<string, SelectionOf<'duplicates'>> = {
  'by source': { ...base, by: ['source'] },
  'by day': { ...base, by: ['day'], source: 'depot' },
  'in a week': { ...base, ...WEEK, by: ['source', 'event_type'], include_imported: true },
};
const FAILURES: Record<string, SelectionOf<'failures'>> = {
  'by source': { ...base, by: ['source'] },
  'a week against the one before': { ...base, ...WEEK, by: ['event_type'], baseline_from: at(0) },
  'by day': { ...base, by: ['day'], time_zone: 'America/New_York', source: 'shop' },
};
const COMPLETENESS: Record<string, SelectionOf<'completeness'>> = {
  'by source': { ...base, by: ['source'], closed_after_ms: 24 * HOUR },
  'as of then': { ...base, by: [], as_of: at(200.5), include_imported: true, closed_after_ms: HOUR },
};
const GAPS: Record<string, SelectionOf<'gaps'>> = {
  'by the hour': { ...base, basis: 'event', by: ['source'], grain: 'hour', include_imported: false },
  'as received, a part': {
    ...base,
    start_time: at(90),
    end_time: at(300),
    basis: 'received',
    by: ['source', 'event_type'],
    grain: 'hour',
  },
  'by the day in Berlin': {
    ...base,
    basis: 'event',
    by: ['source'],
    grain: 'day',
    time_zone: 'Europe/Berlin',
    include_imported: true,
  },
  declared: { ...base, basis: 'event', by: ['source'], grain: 'hour', cadence_ms: HOUR, as_of: at(250) },
};
const FIND: Record<string, SelectionOf<'find'>> = {
  'by a path': { limit: 5, where: 'payload.total >= 480 and not (payload.region == "eu")' },
  'by outcome': { limit: 5, where: 'outcome in [CONFLICT, REJECTED] or has(payload.note)', end_time: at(60) },
};
const COMPARE: Record<string, SelectionOf<'compare'>> = {
  'rejected receipts': { limit: 5, a: 'outcome = REJECTED' },
  'two releases': { limit: 8, a: 'payload.release == 5', b: 'payload.release == 4', per_mille: 50 },
  'before and after': { limit: 8, start_time: at(168), b_to: at(168), depth: 1 },
  'two sources': { limit: 8, a: 'source = shop', b: 'source = depot', depth: 3 },
  'repeats of a week': { limit: 8, ...WEEK, a: 'outcome in [DUPLICATE, CONFLICT]', per_mille: 1 },
  'a sum by week': {
    limit: 3,
    start_time: at(168),
    weeks: 1,
    where: 'source = shop',
    measure: 'sum',
    of: 'payload.total',
  },
  'a mean': { limit: 3, a: 'payload.release == 5', b: 'payload.release == 4', measure: 'mean', of: 'payload.total' },
  'a share': { limit: 3, a: 'source = shop', measure: 'share', of: 'outcome = ACCEPTED' },
};

function pinAll<Q extends 'lag' | 'duplicates' | 'failures' | 'completeness' | 'gaps' | 'find' | 'compare'>(
  question: Q,
  asked: Record<string, SelectionOf<Q>>,
): void {
  describe(`${question} of the life`, () => {
    it.each(Object.entries(asked))('%s', async (name, selection) => {
      const { open, closed } = await life();
      for (const pipeline of [open, closed])
        expectPinned(`${question} ${name}`, withoutIds(await pipeline.ask(question, selection)));
    });
  });
}

pinAll('lag', LAG);
pinAll('duplicates', DUPLICATES);
pinAll('failures', FAILURES);
pinAll('completeness', COMPLETENESS);
pinAll('gaps', GAPS);
pinAll('find', FIND);
pinAll('compare', COMPARE);
