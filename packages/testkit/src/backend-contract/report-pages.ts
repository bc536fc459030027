import { createPipeline, type Pipeline } from '@pik/engine';
import { QUESTION_NAMES, QUESTIONS, type QuestionName, type SelectionOf } from '@pik/schema';
import { expect, it } from 'vitest';
import { CONTRACT_AGGREGATES } from '../http-contract/contract-aggregates.ts';
import { HOUR, live, send } from './life.ts';
import { contractQuestions, type Ways } from './questions.ts';
import type { World } from './world.ts';

// A page is a part of one answer: all pages together are that answer, whatever their size, and whatever arrives in between.

/** The size and cursor of a page. */
interface PageOf {
  readonly size: number;
  readonly cursor?: string | undefined;
}

/** A report without its lists, its lists, and its next cursor. */
interface Parts {
  readonly rest: object;
  readonly lists: readonly (readonly unknown[])[];
  readonly next_cursor: string | null;
}

type Report = (pipeline: Pipeline, page: PageOf) => Promise<Parts>;

const REFUSED = { code: 'CURSOR_INVALID' };
const ALL = { size: 5_000 } as const;

/** Every declared question with pages, and its paged lists. */
function reports(startMs: number): Record<string, Report> {
  const asked = contractQuestions(startMs);
  const ways = <N extends QuestionName>(name: N): [string, Report][] => {
    const { form, pages } = QUESTIONS[name];
    if (form !== 'page') return [];
    const { paged }: Ways<SelectionOf<N>> = asked[name];
    return Object.entries(paged).map(([way, selection]) => [
      way,
      async (pipeline, { size, cursor }) => {
        // A second list has its own page size.
        const answer = await pipeline.ask(name, { ...selection, limit: size, [pages[1] ?? 'limit']: size, cursor });
        const { next_cursor, ...parts } = answer as Record<string, unknown> & { next_cursor: string | null };
        const lists = pages.map((list) => parts[list] as readonly unknown[]);
        const rest = Object.fromEntries(Object.entries(parts).filter(([field]) => !pages.includes(field)));
        return { rest, lists, next_cursor };
      },
    ]);
  };
  return Object.fromEntries(QUESTION_NAMES.flatMap((name) => ways(name)));
}

/** Concatenates all pages after a first one; each has at most the requested size, and otherwise equals the first. */
async function walked(report: Report, pipeline: Pipeline, { first, size }: { first: Parts; size: number }) {
  const lists = first.lists.map((items) => [...items]);
  let pages = 1;
  for (let { next_cursor } = first; next_cursor !== null; pages++) {
    const page = await report(pipeline, { size, cursor: next_cursor });
    expect(page.rest).toEqual(first.rest);
    for (const [i, items] of page.lists.entries()) {
      expect(items.length).toBeLessThanOrEqual(size);
      lists[i]?.push(...items);
    }
    next_cursor = page.next_cursor;
  }
  return { lists, pages };
}

/** Tests that all pages together are the whole report. */
export function reportPagesContract(world: () => World): void {
  it('A10: pages of a report of any size are the whole of it as it was on the first one, and a cursor is of one question', async () => {
    const { opened, backend } = world();
    const { clock } = opened;
    const startMs = Math.ceil(clock.ms / (24 * HOUR)) * 24 * HOUR;
    const pipeline = createPipeline({ backend, aggregates: CONTRACT_AGGREGATES });
    await live(clock, { startMs, pipelines: [pipeline], settle: opened.settle });
    const all = Object.entries(reports(startMs));
    const wholes = new Map<string, Parts>();
    const firsts = new Map<string, Parts>();
    for (const [name, report] of all) {
      const whole = await report(pipeline, ALL);
      expect([name, whole.next_cursor]).toEqual([name, null]);
      const first = await report(pipeline, { size: 9 });
      const { lists, pages } = await walked(report, pipeline, { first, size: 9 });
      expect([name, first.rest, lists]).toEqual([name, whole.rest, whole.lists]);
      const longest = Math.max(...whole.lists.map(({ length }) => length));
      expect([name, pages]).toEqual([name, Math.max(1, Math.ceil(longest / 9))]);
      wholes.set(name, whole);
      firsts.set(name, await report(pipeline, { size: 1 }));
    }
    clock.ms += HOUR;
    await send(pipeline, { atMs: clock.ms, mode: 'live', records: others(startMs) });
    clock.ms += HOUR;
    for (const [name, report] of all) {
      const [whole, first] = [wholes.get(name) as Parts, firsts.get(name) as Parts];
      expect([name, (await report(pipeline, ALL)).lists]).not.toEqual([name, whole.lists]);
      expect([name, (await walked(report, pipeline, { first, size: 13 })).lists]).toEqual([name, whole.lists]);
    }
    const foreign = [...firsts.values()].flatMap(({ next_cursor }) => next_cursor ?? []);
    expect(foreign.length).toBeGreaterThan(4);
    for (const [name, report] of all) {
      const own = firsts.get(name)?.next_cursor;
      for (const cursor of ['x', `${own}x`.slice(1), ...foreign.filter((one) => one !== own)])
        await expect(report(pipeline, { size: 1, cursor }), name).rejects.toMatchObject(REFUSED);
    }
    // All events have this source: another question with the same answer.
    const cursor = firsts.get('lag by hour of receipt')?.next_cursor ?? undefined;
    const [way = {}] = Object.values(contractQuestions(startMs).lag.paged);
    const lag = (source?: string) => pipeline.ask('lag', { ...way, limit: 1, cursor, source });
    await expect(lag('plant')).rejects.toMatchObject(REFUSED);
    // A record received before the first page and admitted only now would shift the pages: they end instead.
    expect((await lag()).groups).toHaveLength(1);
    await send(pipeline, { atMs: startMs + 30 * HOUR, mode: 'live', records: others(startMs - 48 * HOUR) });
    await expect(lag()).rejects.toMatchObject(REFUSED);
  });
}

/** Records that would enter every report: a further receipt, new events of all hours, and rejected ones. */
function others(startMs: number): object[] {
  const reading = (hour: number) => ({
    source: 'plant',
    event_type: 'meter.read',
    entity_id: 'meter',
    event_time: new Date(startMs + hour * HOUR + 60_000).toISOString(),
    payload: { value: hour },
  });
  const gauge = (hour: number) => ({ ...reading(hour), event_type: 'gauge.read' });
  const repeated = { ...reading(5), idempotency_key: 'k5' };
  return [reading(1), reading(15), repeated, reading(40), gauge(2), gauge(9), { ...gauge(3), entity_id: '' }];
}
