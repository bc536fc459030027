import { type QuestionName, type SelectionOf, sha256Hex } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { type Random, seeded } from '@pik/testkit/fixtures/seeded';
import { it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import { pins } from '../support/pinned.ts';
import { withoutIds } from '../support/pinned-life.ts';

// Short lives without an order, each asked in many ways: the digest of each answer. Where one changes, `pinned-answers.test.ts`
// or a property shows what; here no case at a bound of a range, a zone or a time is left out.

const expectPinned = pins('pinned-lives.json');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** The night in which clocks in Europe are set forward. */
const START = Date.UTC(2026, 2, 28, 20, 50);

const time = (ms: number) => new Date(ms).toISOString();
const below = (random: Random, n: number) => Math.floor(random() * n);
const oneOf = <T>(random: Random, all: readonly T[]) => all[below(random, all.length)] as T;

function recordOf(random: Random, nowMs: number, imported: boolean): string {
  if (below(random, 14) === 0) return oneOf(random, ['{', '[]', '{"source":"a","event_type":"x","payload":{}}']);
  const eventMs =
    nowMs - (below(random, 3) === 0 ? below(random, 40) * 10 * MINUTE - 6 * MINUTE : below(random, 9) * 1_000);
  return JSON.stringify({
    source: oneOf(random, ['a', 'b']),
    event_type: oneOf(random, ['x', 'y']),
    entity_id: `e${below(random, 4)}`,
    event_time: time(eventMs),
    payload: oneOf<unknown>(random, [{ v: 1 }, { v: 1 }, { v: 2, w: [1] }, { v: below(random, 50) }, null]),
    ...(below(random, 2) === 0 ? { idempotency_key: `k${below(random, 6)}` } : {}),
    ...(below(random, 3) === 0 ? { sent_at: time(eventMs + below(random, 2_000)) } : {}),
    ...(imported ? { received_at: time(nowMs - below(random, 300) * 10 * MINUTE) } : {}),
  });
}

async function liveBy(random: Random) {
  const clock = createTestClock(START);
  const pipeline = createPipeline({ backend: createMemoryBackend(clock) });
  for (let n = 0; n < 25; n++) {
    clock.ms += below(random, below(random, 4) === 0 ? 300 : 20) * MINUTE + 1_000;
    const imported = below(random, 5) === 0;
    const lines = Array.from({ length: 1 + below(random, 5) }, () => recordOf(random, clock.ms, imported));
    await pipeline.ingest({
      body: new TextEncoder().encode(lines.join('\n')),
      format: 'ndjson',
      mode: imported ? 'import' : 'live',
      receivedMs: clock.ms,
      requestId: `r${n}`,
      principal: null,
      dryRun: false,
    });
  }
  clock.ms += 2 * HOUR;
  return { pipeline, hours: Math.ceil((clock.ms - START) / HOUR) };
}

type Questions = { readonly [Q in QuestionName]?: SelectionOf<Q> };

/** Ranges on whole hours and within them, and every other setting, by chance. */
function questionsOf(random: Random, hours: number): Questions {
  const instant = () => {
    const ms = START + below(random, hours * 2 + 6) * (HOUR / 2) - 2 * HOUR;
    return new Date(below(random, 2) === 0 ? Math.floor(ms / HOUR) * HOUR : ms + 17);
  };
  const [from, to] = [instant(), instant()].sort((a, b) => a.getTime() - b.getTime()) as [Date, Date];
  const isWhole = below(random, 4) === 0 || from.getTime() === to.getTime();
  const range = isWhole ? {} : { start_time: from, end_time: to };
  const asOf = below(random, 3) === 0 ? { as_of: instant() } : {};
  const zone = { time_zone: oneOf(random, ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/New_York']) };
  const source = below(random, 3) === 0 ? { source: 'a' } : {};
  const series = oneOf<('source' | 'event_type')[]>(random, [['source'], ['source', 'event_type']]);
  const by = oneOf<NonNullable<SelectionOf<'lag'>['by']>>(random, [[], ['day'], ['hour'], ['source', 'day'], series]);
  const basis = oneOf(random, ['event', 'received'] as const);
  const imports = { include_imported: below(random, 2) === 0 };
  const base = { ...range, ...asOf, ...zone, ...source, limit: 50 };
  return {
    lag: { ...base, ...imports, basis, by, late_over_ms: oneOf(random, [1_000, HOUR]) },
    duplicates: { ...base, ...imports, by },
    failures: { ...base, by },
    completeness: { ...base, ...imports, by: series, closed_after_ms: oneOf(random, [HOUR, 24 * HOUR]) },
    gaps: { ...base, ...imports, basis, by: series, grain: oneOf(random, ['hour', 'day', 'minute'] as const) },
    find: {
      ...range,
      ...source,
      limit: 20,
      where: oneOf(random, ['payload.v > 1', 'outcome != ACCEPTED', 'key = k1']),
    },
  };
}

const digestOf = (answer: unknown) => sha256Hex(JSON.stringify(withoutIds(answer))).slice(0, 12);

/** The answer or the refusal, which is one too. */
async function askedOf(pipeline: Pipeline, name: QuestionName, selection: SelectionOf<QuestionName>): Promise<unknown> {
  try {
    return await pipeline.ask(name as 'lag', selection as SelectionOf<'lag'>);
  } catch (error) {
    return String(error);
  }
}

async function explainedOf(pipeline: Pipeline): Promise<string[]> {
  const { matches } = await pipeline.ask('find', { where: 'outcome != REJECTED', limit: 200 });
  const ids = [...new Set(matches.flatMap(({ event_id }) => event_id ?? []))].sort();
  const explained: string[] = [];
  for (const event_id of ids) explained.push(digestOf(await pipeline.explainEvent({ event_id }, { asOfMs: null })));
  return explained;
}

it.each([1, 2, 3, 4, 5, 6])('life %i', async (seed) => {
  const random = seeded(seed);
  const { pipeline, hours } = await liveBy(random);
  const digests: string[] = [];
  for (let n = 0; n < 6; n++)
    for (const [name, selection] of Object.entries(questionsOf(random, hours)))
      digests.push(`${name} ${digestOf(await askedOf(pipeline, name as QuestionName, selection))}`);
  expectPinned(`life ${seed}`, { answers: digests, explained: await explainedOf(pipeline) });
  await pipeline.close();
});
