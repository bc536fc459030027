import { seeded } from '@pik/testkit/fixtures/seeded';
import { it } from 'vitest';

import { clockFindings } from '../../src/reports/lag/rules/clock-faults.ts';
import { DayLags } from '../../src/reports/lag/rules/day-lags.ts';
import { zoneFaults } from '../../src/reports/lag/rules/zone-faults.ts';
import { addTo, createHistogram } from '../../src/statistics/histogram.ts';
import { pins } from '../support/pinned.ts';

// The findings about clocks and zones, over lags at and next to every bound: any change of a bound or a sentence shows.

const expectPinned = pins('pinned-clocks.json');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FIRST_DAY = 20_000;

/** Days in a row whose lags are off by some minutes; `events` of each day, `apartMs` from each other. */
interface Stretch {
  readonly days: number;
  readonly offMinutes: number;
  readonly events?: number;
  readonly apartMs?: number;
}

function factsOf(stretches: readonly Stretch[], single: readonly number[] = []) {
  const facts = { lags: createHistogram(), days: new DayLags() };
  const add = (day: number, lagMs: number) => {
    addTo(facts.lags, lagMs);
    facts.days.add(FIRST_DAY + day, lagMs);
  };
  let day = 0;
  for (const { days, offMinutes, events = 20, apartMs = 3_000 } of stretches)
    for (const end = day + days; day < end; day++)
      for (let i = 0; i < events; i++) add(day, offMinutes * MINUTE + i * apartMs);
  for (const lag of single) add(day, lag);
  return facts;
}

const answerOf = (stretches: readonly Stretch[], single: readonly number[] = [], serverWasBehind = false) => {
  const facts = factsOf(stretches, single);
  const faults = zoneFaults(facts.days.days()).map(({ halves, days }) => `${halves}/2 h for ${days.length} days`);
  return [faults, clockFindings({ ...facts, serverWasBehind }).map(({ code, text, shownBy }) => [code, shownBy, text])];
};

const good = { days: 6, offMinutes: 2 };

it('a zone off by each number of half hours', () => {
  for (const half of [1, 2, 3, 4, 5, 7, 9, 11, 16, 27, 28, 29])
    for (const sign of [1, -1]) {
      const fault = { days: 6, offMinutes: sign * half * 30 + 3 };
      expectPinned(`${sign * half} halves`, [
        answerOf([good, fault, good]),
        answerOf([fault]),
        answerOf([fault, good]),
      ]);
    }
});

it('a floor next to full hours', () => {
  for (const off of [-10, -6, -5, -4, 0, 24, 25, 26, 30, 31])
    expectPinned(`${off} min from 3 h`, answerOf([good, { days: 7, offMinutes: 180 + off }, good]));
});

it('a stretch of each length, with few and many events, narrow and wide', () => {
  for (const days of [1, 3, 4, 5, 7, 8, 9])
    for (const [events, apartMs] of [
      [2, 1_000],
      [3, 1_000],
      [4, 20_000],
      [5, 600_000],
      [20, 1_000],
      [20, 30_000],
      [20, 500_000],
      [20, 700_000],
    ] as const) {
      const fault = { days, offMinutes: 241, events, apartMs };
      expectPinned(`${days} days of ${events} events, ${apartMs} ms apart`, [
        answerOf([good, fault, good]),
        answerOf([fault]),
      ]);
    }
});

it('stretches with good days in them, of several zones, and more than are listed', () => {
  const fault = (days: number, hours = 5): Stretch => ({ days, offMinutes: hours * 60 + 1 });
  expectPinned('one good day of five', answerOf([good, fault(4), { days: 1, offMinutes: 2 }, fault(4), good]));
  expectPinned('two good days of seven', answerOf([good, fault(4), { days: 2, offMinutes: 2 }, fault(4), good]));
  expectPinned('a long break', answerOf([fault(6), { days: 20, offMinutes: 2 }, fault(6)]));
  expectPinned('two zones', answerOf([good, fault(6), fault(6, 4), good]));
  expectPinned('six stretches', answerOf([1, 2, 3, 4, 5, 6].flatMap((hours) => [fault(6, hours), good])));
  expectPinned('some quicker', answerOf([fault(10)], Array(3).fill(-20 * MINUTE)));
  expectPinned('too many quicker', answerOf([fault(10)], Array(5).fill(-20 * MINUTE)));
});

it('a share of events before their time', () => {
  const usual = { days: 2, offMinutes: 2, events: 100 };
  for (const ahead of [1, 2, 3, 4, 5, 6, 8, 40])
    for (const apart of [0, 1_000, 20_000, 90_000]) {
      const early = Array.from({ length: ahead }, (_, i) => -1_500 - i * apart);
      expectPinned(`${ahead} ahead, ${apart} ms apart`, [answerOf([usual], early), answerOf([usual], early, true)]);
    }
  expectPinned('a second ahead', answerOf([usual], Array(30).fill(-1_000)));
  expectPinned('just above', answerOf([usual], Array(30).fill(-1_001)));
});

it('single events far beyond all others', () => {
  const usual = { days: 3, offMinutes: 60, events: 300 };
  const day = 24 * HOUR;
  for (const far of [[29 * day], [31 * day], [31 * day, 400 * day], [-29 * day], [-31 * day], [31 * day, -900 * day]])
    expectPinned(`${far.map((ms) => ms / day).join(' and ')} days`, answerOf([usual], far));
  expectPinned('usually late', answerOf([{ days: 3, offMinutes: 9 * 1_440, events: 300 }], [89 * day, 95 * day]));
});

it('lags without an order', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seeded(seed);
    const stretches = Array.from({ length: 1 + Math.floor(random() * 5) }, () => ({
      days: 1 + Math.floor(random() * 9),
      offMinutes: Math.floor(random() * 4 - 2) * 60 + Math.floor(random() * 40 - 8),
      events: 1 + Math.floor(random() * 25),
      apartMs: Math.floor(random() ** 4 * 900_000),
    }));
    expectPinned(`seed ${seed}`, answerOf(stretches));
  }
});
