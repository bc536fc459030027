import { sha256Hex } from '@pik/schema';
import { clock, daily, interval, office, type Process, poisson, polled } from '@pik/testkit/fixtures/engine/arrivals';
import { type Instant, instantsOf, MONDAY } from '@pik/testkit/fixtures/engine/judging';
import { type Random, seeded } from '@pik/testkit/fixtures/seeded';
import { it } from 'vitest';

import { finish } from '../../../src/reports/gaps/rules/cadence/steps.ts';
import { createCalendar, GRAIN_MS, type Grain } from '../../../src/reports/gaps/rules/calendar.ts';
import { addInstant, addLag, createGapCells, dropFrom, seriesOf } from '../../../src/reports/gaps/rules/gap-cells.ts';
import type { GapQuestion } from '../../../src/reports/gaps/rules/gap-question.ts';
import { seriesView } from '../../../src/reports/gaps/rules/gap-series.ts';
import { findGaps, judgedLives, modelSeries } from '../../../src/reports/gaps/rules/gaps.ts';
import { pins } from '../../support/pinned.ts';

// Series by chance, by clocks and in office hours, with outages, thin days, several lives, wrong years and late events, each asked
// about a part of its time: the digest of the answer. Where one changes, `gap-texts.test.ts` or a property shows what.

const expectPinned = pins('pinned-gaps.json');
const DAY = 86_400_000;
const YEAR = 365 * DAY;
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'];

const below = (random: Random, n: number) => Math.floor(random() * n);
const oneOf = <T>(random: Random, all: readonly T[]) => all[below(random, all.length)] as T;

function processOf(random: Random): Process {
  const skips = oneOf(random, [0, 0.01, 0.06]);
  return oneOf(random, [
    poisson(0.2 + random() * 6),
    poisson(20 + random() * 40),
    clock(skips),
    clock(skips, 3),
    interval(1.2 + random() * 8, random() * 0.4, skips),
    daily(6),
    office(4),
    polled(office(30)),
  ]);
}

interface Placed extends Instant {
  readonly later: boolean;
}

/** A life, without some spans and with less in others, sometimes a second one, and single events far away. */
function instantsBy(random: Random, grain: Grain): Placed[] {
  const windows = grain === 'day' ? 60 + below(random, 120) : 200 + below(random, 700);
  const length = GRAIN_MS[grain];
  let instants = instantsOf(processOf(random)(random, windows), grain);
  for (let span = below(random, 4); span > 0; span--) {
    const from = MONDAY + below(random, windows) * length;
    const to = from + (1 + below(random, 30)) * length;
    const share = oneOf(random, [0, 0, 0.1, 0.5]);
    instants = instants.filter(({ ms }) => ms < from || ms >= to || random() < share);
  }
  const further = oneOf<number[]>(random, [[], [], [-54 * YEAR], [3 * YEAR], [2 * YEAR, 2 * YEAR + 5 * length]]);
  const again =
    random() < 0.25 ? instants.slice(0, oneOf(random, [5, 30, 400])).map(({ ms }) => ({ ms: ms + 1.2 * YEAR })) : [];
  return [...instants, ...further.map((ms) => ({ ms: MONDAY + ms })), ...again].map((one) => ({
    ...one,
    later: random() < 0.03,
  }));
}

function questionOf(random: Random, grain: Grain, instants: readonly Placed[]): GapQuestion {
  const times = instants.map(({ ms }) => ms).sort((a, b) => a - b);
  const near = () =>
    (oneOf(random, times) ?? MONDAY) + oneOf(random, [0, 1, -1, GRAIN_MS[grain] / 2, 3 * GRAIN_MS[grain]]);
  const [from, to] = [near(), near()].sort((a, b) => a - b) as [number, number];
  const isWhole = random() < 0.4;
  const lastMs = times.at(-1) ?? MONDAY;
  return {
    start_time: isWhole ? Number.NEGATIVE_INFINITY : from,
    end_time: isWhole ? Number.POSITIVE_INFINITY : to + oneOf(random, [0, 40 * GRAIN_MS[grain]]),
    asOfMs: random() < 0.3 ? near() : lastMs + oneOf(random, [0, 1, 12, 90, 4_000]) * GRAIN_MS[grain],
    basis: oneOf(random, ['event', 'received'] as const),
    calendar: createCalendar(grain, oneOf(random, ZONES)),
    declaredMs: random() < 0.2 ? oneOf(random, [0.5, 1, 2.5, 24]) * GRAIN_MS[grain] : null,
  };
}

function answerBy(random: Random): unknown {
  const grain = oneOf<Grain>(random, ['hour', 'hour', 'day', 'minute']);
  const all = ['a', 'b'].map((source) => ({ source, instants: instantsBy(random, grain) }));
  const question = questionOf(
    random,
    grain,
    all.flatMap(({ instants }) => instants),
  );
  const cells = createGapCells({
    ...{
      calendar: question.calendar,
      basis: question.basis,
      asOfMs: question.asOfMs,
      includeImported: true,
      by: ['source'],
    },
    ...{ readFromMs: Number.NEGATIVE_INFINITY, readToMs: Math.min(question.end_time, question.asOfMs + 1) },
    cellsMax: oneOf(random, [1_000_000, 300]),
  });
  for (const { source, instants } of all) {
    const series = seriesOf(cells, { source });
    const lagMs = below(random, 3) * GRAIN_MS[grain];
    for (const { ms, count = 1, later } of instants) {
      if (ms >= cells.scope.readToMs) continue;
      addInstant(cells, series, { timeMs: ms, count, later });
      if (!later) addLag(series, lagMs, ms + lagMs);
    }
  }
  if (random() < 0.1) dropFrom(cells, MONDAY + 100 * GRAIN_MS[grain]);
  const models = [...cells.series.values()].flatMap((series) => finish(modelSeries(series, question)) ?? []);
  const judged = judgedLives(models, question);
  const answers = models.map((model) => {
    const findings = finish(findGaps(model, question, judged));
    return [seriesView(findings, question), findings.gaps];
  });
  return [judged, cells.full, cells.cells, answers];
}

/** Without the last digits of sums, which may differ between machines. */
const steady = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) && Number.isFinite(value)
    ? Number(value.toPrecision(9))
    : value;

it.each(Array.from({ length: 12 }, (_, i) => i + 1))('answers %i', (seed) => {
  const random = seeded(seed);
  const answers = Array.from({ length: 8 }, () => sha256Hex(JSON.stringify(answerBy(random), steady)).slice(0, 12));
  expectPinned(`${seed}`, answers);
});
