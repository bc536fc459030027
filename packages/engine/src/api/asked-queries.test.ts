import {
  eventByKeyQuestion,
  explainChangeQuestion,
  selectionQuestion,
  timelineQuestion,
  verifyQuestion,
} from '@pik/schema';
import { expect, it } from 'vitest';

import { readQuery } from '../runtime/read-query.ts';
import { changeQuery, eventQuery, selectionQuery, timelineQuery } from './asked-queries.ts';

const BASE = { nowMs: Date.parse('2026-01-01T00:00:00Z'), timeZone: 'UTC' };
const value = { metric: 'm', key: 'all', window_start: '2025-12-28' };

it('a question without options has the documented defaults', () => {
  const range = { start_time: '2h', end_time: 'now' };
  expect(timelineQuery(readQuery(timelineQuestion, { entity_id: 'a' }, BASE))).toEqual({
    ...{ entity_id: 'a', start_time: null, end_time: null, asOfMs: null },
    ...{ limit: 500, cursor: null },
  });
  expect(selectionQuery(readQuery(selectionQuestion, range, BASE))).toEqual({
    ...{ source: null, event_type: null, received_from: null, received_to: null, asOfMs: null },
    ...{ start_time: '2025-12-31T22:00:00.000000000Z', end_time: '2026-01-01T00:00:00.000000000Z' },
    ...{ limit: 500, cursor: null },
  });
  expect(readQuery(verifyQuestion, {}, BASE)).toEqual({ now: BASE.nowMs, cursor: undefined });
});

it('an event is named by its key, or by its entity and time', () => {
  const key = { source: 's', event_type: 't', entity_id: 'a', key: 'k' };
  expect(eventQuery(readQuery(eventByKeyQuestion, key, BASE))).toEqual(key);
  const place = { entity_id: 'a', event_time: '2025-12-28' };
  expect(eventQuery(readQuery(eventByKeyQuestion, place, BASE))).toEqual({
    ...place,
    event_time: '2025-12-28T00:00:00.000000000Z',
  });
});

it('a change leads from the version before the latest to the latest, or from its first side until now', () => {
  const sidesOf = (given: object) => {
    const { from, to, limit } = changeQuery(readQuery(explainChangeQuestion, { ...value, ...given }, BASE));
    return [from, to, limit];
  };
  expect(sidesOf({})).toEqual([null, null, 100]);
  expect(sidesOf({ from: 1 })).toEqual([{ kind: 'VERSION', version: 1 }, { kind: 'NOW' }, 100]);
  expect(sidesOf({ from: '2025-12-30', to: 2, limit: 9 })).toEqual([
    { kind: 'AS_OF', asOfMs: Date.parse('2025-12-30T00:00:00Z') },
    { kind: 'VERSION', version: 2 },
    9,
  ]);
});
