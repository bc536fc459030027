import { countOf, defineAggregate } from '@pik/aggregates';
import { formatEpochMs, MS_PER_HOUR } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import type { WindowInput } from '../../src/aggregates/rules/window-input.ts';
import { streamedInputs } from '../../src/aggregates/streamed-inputs.ts';
import { type WindowQuestion, windowInputs } from '../../src/aggregates/window-inputs.ts';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import { createQuestionContext } from '../../src/api/question-context.ts';
import { explainEvent } from '../../src/explain/explain-event.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { SliceQuery } from '../../src/ports/queries.ts';
import { EMPTY_SELECTION } from '../../src/replay/rules/selection.ts';
import { type WalkPage, walk } from '../../src/replay/walk.ts';
import { sliceKey } from '../../src/reports/report-slices.ts';
import type { Context } from '../../src/runtime/context.ts';
import { type ClosedWorld, closeDue, createWorld, LIFE_START, lives, playAndClose } from './closed-life.ts';

// Windows, walks, the story of a missing event and the events next to a gap leave out closed hours without receipts of their times.
// Their answers are those of all slices, whatever hours are closed, also between two pages.

const MINUTE = 60_000;
const EVER = { fromDay: -4_000_000, toDay: 4_000_000 };

/** How often a listing left out slices. */
const seen = { left: 0 };

/** Pages of a few slices. Their cursors are places among all slices, whatever a listing leaves out. */
function inPieces({ index }: Backend, size: number): Backend['index']['listSlices'] {
  const all = async (query: SliceQuery) => (await index.listSlices({ ...query, ...EVER, cursor: null })).items;
  return async (query) => {
    const items = await all({ ...query, skip: undefined });
    const kept = new Set((query.skip ?? []).length === 0 ? items.map(sliceKey) : (await all(query)).map(sliceKey));
    if (kept.size < items.length) seen.left += 1;
    const isWanted = (at: number) => {
      const slice = items[at];
      return slice !== undefined && slice.event_day >= query.fromDay && slice.event_day < query.toDay;
    };
    const places = [...items.keys()].slice(Number(query.cursor ?? 0)).filter(isWanted);
    const page = places.slice(0, size);
    const next = places.length > size ? String((page.at(-1) ?? 0) + 1) : null;
    return { items: page.flatMap((at) => items[at] ?? []).filter((slice) => kept.has(sliceKey(slice))), next };
  };
}

function withPieces(backend: Backend, size: number): Backend {
  return { ...backend, index: { ...backend.index, listSlices: inPieces(backend, size) } };
}

/** The contexts that read all slices, and those of closed hours. */
function contextsOf({ backend }: ClosedWorld, size: number): { plain: Context; closed: Context } {
  const plain = createQuestionContext({ backend: { ...backend, hours: undefined } });
  return { plain, closed: createQuestionContext({ backend: withPieces(backend, size) }) };
}

/** Lives whose events are received within some minutes, so that hours have bounds. */
const promptLives = fc.tuple(lives, lives).map((parts) => {
  let elapsed = 0;
  return parts.flat().map((request) => {
    elapsed += request.waitMinutes;
    const records = request.records.map((record) => ({ ...record, minute: elapsed - (Math.abs(record.minute) % 15) }));
    return { ...request, records };
  });
});
const times = fc.integer({ min: -30, max: 500 }).map((minutes) => LIFE_START + minutes * MINUTE);
const closings = fc.array(fc.boolean(), { minLength: 24, maxLength: 24 });
const questions = fc
  .record({
    at: times,
    width: fc.constantFrom(1, 30, 60, 150),
    /** Minutes from there to the as-of time. */
    late: fc.oneof(fc.integer({ min: -10, max: 90 }), fc.constant(100_000)),
    source: fc.constantFrom(null, 'a', 'b'),
    limit: fc.constantFrom(1, 2, 5, 1_000),
    size: fc.integer({ min: 1, max: 3 }),
  })
  .map((one) => ({ ...one, asOfMs: one.at + one.late * MINUTE }));
type Asked = typeof questions extends fc.Arbitrary<infer T> ? T : never;

const counting = (source: string | null) =>
  defineAggregate({
    metric: 'counting',
    definition_version: 1,
    group_by: 'all',
    window: 'hour',
    time_zone: 'UTC',
    reads_payload: false,
    ...(source === null ? {} : { sources: [source] }),
    ...countOf(),
  });

async function streamed(context: Context, question: WindowQuestion): Promise<WindowInput[]> {
  const found: WindowInput[] = [];
  for await (const part of streamedInputs(context, question, { heldMax: 4, partMax: 2 })) found.push(...part);
  return found;
}

/** All pages of a walk; something may happen after each of them. */
async function walked(context: Context, asked: Asked, between = async () => {}): Promise<WalkPage[]> {
  const { at, width, source, asOfMs, limit } = asked;
  const [start_time, end_time] = [formatEpochMs(at), formatEpochMs(at + width * MINUTE)];
  const selection = { ...EMPTY_SELECTION, start_time, end_time, source };
  const pages: WalkPage[] = [];
  for (let cursor: string | null = null, more = true; more; ) {
    const page: WalkPage = await walk(context, { selection, asOfMs, limit, cursor });
    pages.push({ ...page, next: page.next === null ? null : '' });
    more = page.next !== null;
    cursor = page.next;
    await between();
  }
  return pages;
}

it('windows and walks are the same whatever hours are closed, also between two pages', async () => {
  const several = fc.array(questions, { minLength: 4, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(promptLives, closings, several, questions, async (requests, points, asked, last) => {
      const world = createWorld();
      await playAndClose(world, requests, points);
      for (const one of asked) {
        const { plain, closed } = contextsOf(world, one.size);
        const window = { start_ms: one.at, end_ms: one.at + one.width * MINUTE };
        const question = { aggregate: counting(one.source), key: 'all', window, asOfMs: one.asOfMs };
        const inputs = await windowInputs(plain, question);
        expect(await windowInputs(closed, question)).toEqual(inputs);
        expect(await streamed(closed, question)).toEqual(inputs);
        expect(await walked(closed, one)).toEqual(await walked(plain, one));
      }
      const { plain, closed } = contextsOf(world, last.size);
      const pages = await walked(plain, last);
      const close = async () => {
        world.clock.ms += MS_PER_HOUR;
        await closeDue(world);
      };
      expect(await walked(closed, last, close)).toEqual(pages);
    }),
    runs(150),
  );
  expect(seen.left).toBeGreaterThan(0);
});

it('the story of a missing event, and the events next to a gap, are the same whatever hours are closed', async () => {
  await fc.assert(
    fc.asyncProperty(promptLives, closings, questions, async (requests, points, asked) => {
      const world = createWorld();
      await playAndClose(world, requests, points);
      const { plain, closed } = contextsOf(world, asked.size);
      const [at, asOfMs] = [asked.at, Math.min(asked.asOfMs, world.clock.ms)];
      for (const entity_id of ['entity_0', 'entity_2']) {
        const query = { source: 'a', event_type: 't', entity_id, event_time: formatEpochMs(at) };
        expect(await explainEvent(closed, query, { asOfMs })).toEqual(await explainEvent(plain, query, { asOfMs }));
      }
      const range = {
        start_time: new Date(LIFE_START - 3 * MS_PER_HOUR),
        end_time: new Date(LIFE_START + 9 * MS_PER_HOUR),
      };
      const selection = {
        ...range,
        source: 'a',
        grain: 'minute',
        cadence_ms: MINUTE,
        as_of: new Date(asOfMs),
      } as const;
      const [whole, some] = [plain, closed].map(({ backend }) => createPipeline({ backend }));
      expect(await some?.ask('gaps', selection)).toEqual(await whole?.ask('gaps', selection));
    }),
    runs(80),
  );
});
