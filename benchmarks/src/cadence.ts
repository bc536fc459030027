// Accuracy of the learned cadence of `gaps`: generated processes, and public series thinned, cut to weekdays, and given
// outages. Measures no time. `node benchmarks/src/cadence.ts [reports] [runs]`; writes results/cadence.json and prints
// the tables of docs/cadence.md.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import {
  type Arrivals,
  clock,
  cox,
  daily,
  growth,
  hawkes,
  interval,
  lognormal,
  negativeBinomial,
  nightly,
  office,
  type Process,
  pareto,
  poisson,
  polled,
  stickyClock,
  switching,
  weekdayClock,
  weibull,
  withBursts,
  without,
} from '@pik/testkit/fixtures/engine/arrivals';
import { type Instant, judgeArrivals, judgeInstants, MONDAY, windowsOf } from '@pik/testkit/fixtures/engine/judging';
import { seeded } from '@pik/testkit/fixtures/seeded';

const REPORTS = Number(process.argv[2] ?? 300);
const RUNS = Number(process.argv[3] ?? 30);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const HISTORY = 56 * 24;
const ALL = HISTORY + 30 * 24;
const RANGE = [MONDAY + HISTORY * HOUR, MONDAY + ALL * HOUR] as const;
const LENGTHS = [1, 2, 3, 5, 8, 12, 20, 40];
const DATA = join(import.meta.dirname, '../../../shared/data');

const CLOCKS: Record<string, Process> = {
  'clock, no skips': clock(0),
  'clock, skips 1 %': clock(0.01),
  'clock, skips 2 %': clock(0.02),
  'clock, skips 5 %': clock(0.05),
  'clock, skips 10 %': clock(0.1),
  'clock, skips 20 %': clock(0.2),
  'clock, skips in runs': stickyClock(0.02, 0.3),
  'clock, skips 5 %, bursts in 5 %': withBursts(clock(0.05), 0.05),
  'weekday clock, skips 1 %': weekdayClock(0.01),
  'nightly, skips 1 %': nightly(0.01),
  'own interval 7 h, skips 5 %': interval(7, 0.5, 0.05),
};

const CHANCE: Record<string, Process> = {
  'chance 0.3/h': poisson(0.3),
  'chance 2/h': poisson(2),
  'chance 10/h': poisson(10),
  'chance 6/h by day': daily(6),
  'chance 3/h in office hours': office(3),
  'chance, growing fourfold': growth(0.5, 2),
  'batches (variance 4 × mean)': negativeBinomial(5, 4),
  'bursts, half of all bred': hawkes(1, 0.5, 1),
  'bursts, 80 % bred': hawkes(0.3, 0.8, 3),
  'rare bursts, 90 % bred': hawkes(0.02, 0.9, 24),
  'wandering rate': cox(0.5, 1, 24),
  'on 48 h at 5/h, off 24 h': switching(5, 0.1, 48, 24),
  'on 100 h, off 20 h': switching(1, 0, 100, 20),
  'lognormal distances': lognormal(2, 1.5),
  'Weibull distances': weibull(2, 0.5),
  'Pareto distances, shape 2.5': pareto(1.8, 2.5),
  'Pareto distances, shape 1.5': pareto(2, 1.5),
  'chance 1.5/h, polled': polled(poisson(1.5)),
  'batches, polled': polled(negativeBinomial(8, 8)),
  'every 75 min': interval(1.25, 0.02, 0),
  'hourly, on the bound': interval(1, 0.05, 0),
};

const numberOf = (name: string) => [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1e6, 7);
const make = (name: string, process: Process, run: number) => process(seeded(numberOf(name) + run * 7_919), ALL);
const round = (value: number) => Math.round(value * 100) / 100;

/** Reports with nothing missing, and the gaps that they name. */
function falseAlarms() {
  return Object.entries({ ...CHANCE, ...CLOCKS }).map(([name, process]) => {
    const found = { name, reports: REPORTS, outage: 0, partial: 0, skip: 0 };
    for (let run = 0; run < REPORTS; run++) {
      const { gaps } = judgeArrivals(make(name, process, run), { range: RANGE });
      found.outage += gaps.some(({ kind }) => kind === 'OUTAGE') ? 1 : 0;
      found.partial += gaps.some(({ state }) => state === 'PARTIAL') ? 1 : 0;
      found.skip += gaps.some(({ kind }) => kind === 'SKIP') ? 1 : 0;
    }
    return found;
  });
}

/** Median or mean distance between windows with deliveries, whichever is larger, in hours. */
function usualInterval({ deliveries }: Arrivals): number {
  const at = [...deliveries.keys()].filter((t) => (deliveries[t] as number) > 0);
  const apart = at.slice(1).map((t, i) => t - (at[i] as number));
  apart.sort((a, b) => a - b);
  const sum = deliveries.reduce((all, d) => all + d, 0);
  return Math.max(1, apart[Math.floor(apart.length / 2)] ?? 1, deliveries.length / Math.max(1, sum));
}

/** One outage of a given number of usual intervals, starting at a delivery: is a window named that lost something? */
function recallOfOne() {
  return Object.entries({ ...CLOCKS, ...CHANCE }).map(([name, process]) => {
    const rows = LENGTHS.map((length) => {
      const found = { length, runs: 0, outage: 0, named: 0 };
      for (let run = 0; run < RUNS; run++) {
        const arrivals = make(name, process, 50_000 + length * 1_000 + run);
        const hours = Math.max(1, Math.round(length * usualInterval(arrivals)));
        const random = seeded(numberOf(name) + length * 100 + run);
        const starts = [...arrivals.deliveries.keys()].filter(
          (t) => (arrivals.deliveries[t] as number) > 0 && t > HISTORY + 24 && t < ALL - hours - 24,
        );
        const start = starts[Math.floor(random() * starts.length)];
        if (start === undefined || hours > 600) continue;
        const { gaps } = judgeArrivals(without(arrivals, [start, start + hours]), { range: RANGE });
        const lost = [...Array(hours).keys()]
          .map((i) => start + i)
          .filter((t) => (arrivals.deliveries[t] as number) > 0);
        const isIn = (kinds: (typeof gaps)[number]['kind'][]) => {
          const windows = windowsOf(gaps.filter(({ kind }) => kinds.includes(kind)));
          return lost.some((t) => windows.has(t));
        };
        found.runs += 1;
        found.outage += isIn(['OUTAGE']) ? 1 : 0;
        found.named += isIn(['OUTAGE', 'SKIP']) ? 1 : 0;
      }
      return { length, outage: round(found.outage / found.runs), named: round(found.named / found.runs) };
    });
    return { name, rows };
  });
}

/** Up to four outages of 3 to 20 usual intervals: which named silences are outages, and which outages are named. */
function precisionOfMany() {
  const all = { outages: 0, named: 0, silences: 0, right: 0 };
  const clocks = { outages: 0, named: 0 };
  for (const [name, process] of Object.entries({ ...CLOCKS, ...CHANCE }))
    for (let run = 0; run < RUNS; run++) {
      const random = seeded(numberOf(name) + 90_000 + run);
      const whole = make(name, process, 90_000 + run);
      const usual = usualInterval(whole);
      let arrivals = whole;
      const cut: (readonly [number, number])[] = [];
      for (let n = 1 + Math.floor(random() * 4); n > 0; n--) {
        const hours = Math.round(usual * (3 + random() * 17));
        const start = HISTORY + 24 + Math.floor(random() * Math.max(1, 30 * 24 - hours - 48));
        cut.push([start, start + hours]);
        arrivals = without(arrivals, [start, start + hours]);
      }
      const { gaps } = judgeArrivals(arrivals, { range: RANGE });
      const lost = new Set<number>();
      for (const [from, to] of cut)
        for (let t = from; t < to; t++) if ((whole.deliveries[t] as number) > 0) lost.add(t);
      for (const gap of gaps) {
        if (gap.kind !== 'OUTAGE') continue;
        all.silences += 1;
        if ([...windowsOf([gap])].some((t) => lost.has(t))) all.right += 1;
      }
      const named = windowsOf(gaps);
      for (const [from, to] of cut) {
        const own = [...lost].filter((t) => t >= from && t < to);
        if (own.length === 0) continue;
        const isNamed = own.some((t) => named.has(t));
        all.outages += 1;
        all.named += isNamed ? 1 : 0;
        if (name in CLOCKS) {
          clocks.outages += 1;
          clocks.named += isNamed ? 1 : 0;
        }
      }
    }
  return { ...all, clocks };
}

const lines = (file: string) => {
  const bytes = readFileSync(join(DATA, file));
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trimEnd().split('\n');
};

/** The earthquake poller, thinned by hour at several rates, with 20 outages of 6 hours. */
function thinnedPolls() {
  const polls = lines('usgs/polls.csv.gz')
    .slice(1)
    .map((line) => Date.parse(line.split(',')[2] as string));
  const hourOf = (ms: number) => Math.floor(ms / HOUR);
  const [first, last] = [hourOf(polls[0] as number), hourOf(polls.at(-1) as number)];
  const rates = [0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3];
  return rates.map((rate) => {
    const random = seeded(5 + rate * 1_000);
    const gone = new Set<number>();
    for (let hour = first + 1; hour < last; hour++) if (random() < rate) gone.add(hour);
    if (rate > 0)
      for (let n = 0; n < 20; n++) {
        const start = first + 200 + Math.floor(random() * (last - first - 400));
        for (let h = 0; h < 6; h++) gone.add(start + h);
      }
    const left = polls.filter((ms) => !gone.has(hourOf(ms)));
    // Bursts: one poll in twenty is followed by up to thirty more within its hour.
    const bursts = left.flatMap((ms) => {
      const more = random() < 0.05 ? Math.floor(random() * 30) : 0;
      const again = Array.from({ length: more }, (_, i) => ms + (i + 1) * 60_000);
      return [ms, ...again.filter((at) => hourOf(at) === hourOf(ms))];
    });
    const named = (all: readonly number[]) =>
      hoursNamed(
        all.map((ms) => ({ ms })),
        HOUR,
      );
    return { rate, ...named(left), with_bursts: named(bursts) };
  });
}

function hoursNamed(instants: readonly Instant[], length: number, judging: Parameters<typeof judgeInstants>[1] = {}) {
  const { gaps, view } = judgeInstants(instants, judging);
  const numbers = new Set(instants.map(({ ms }) => Math.floor(ms / length)));
  const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
  const named = windowsOf(gaps, length === DAY ? 'day' : 'hour', 0);
  const empty = [...Array(last - first + 1).keys()].map((i) => first + i).filter((n) => !numbers.has(n));
  const found = empty.filter((n) => named.has(n)).length;
  return {
    model: view.model,
    empty: empty.length,
    named: found,
    wrong: [...named].filter((n) => numbers.has(n)).length,
  };
}

/**
 * The days on which New York published, thinned, with an outage of five days; and weekdays alone, out from a Monday on.
 */
function publications() {
  const seen = new Set<number>();
  for (const line of lines('nyc/metric_changes_2020-12-09_2021-06-30.ndjson.gz'))
    seen.add(Date.parse((JSON.parse(line) as { received_at: string }).received_at));
  // Approximately New York's clock: there, no delivery is within five hours of midnight.
  const all = [...seen].sort((a, b) => a - b).map((ms) => ({ ms: ms - 5 * HOUR }));
  const dayOf = ({ ms }: Instant) => Math.floor(ms / DAY);
  const first = dayOf(all[0] as Instant);
  const judging = { grain: 'day' } as const;
  const thinned = [0, 0.05, 0.1, 0.2].map((rate) => {
    const random = seeded(11 + rate * 100);
    const gone = new Set([...Array(260).keys()].map((i) => first + i).filter(() => random() < rate));
    for (let i = 0; i < 5 && rate > 0; i++) gone.add(first + 140 + i);
    return {
      rate,
      ...hoursNamed(
        all.filter((one) => !gone.has(dayOf(one))),
        DAY,
        judging,
      ),
    };
  });
  let [named, weekends] = [0, 0];
  for (let n = 0; n < 20; n++) {
    // Day 4 after 1970-01-01, a Thursday, is a Monday.
    const monday = 4 + 7 * (Math.ceil((first - 4) / 7) + 6 + n);
    const out = 1 + (n % 5);
    const left = all.filter(
      (one) => (((dayOf(one) - 4) % 7) + 7) % 7 < 5 && !(dayOf(one) >= monday && dayOf(one) < monday + out),
    );
    const { gaps } = judgeInstants(left, judging);
    const days = windowsOf(gaps, 'day', 0);
    if ([...Array(out).keys()].every((i) => days.has(monday + i))) named += 1;
    for (const day of days) if ((((day - 4) % 7) + 7) % 7 >= 5) weekends += 1;
  }
  return { thinned, weekdays: { outages: 20, named, weekends } };
}

/** The earthquake networks, of which no silence is a known outage: the named gaps, and the undetectable ones. */
function networks() {
  const bySource = new Map<string, { received: Instant[]; event: Instant[] }>();
  for (const line of lines('usgs/changes_2021-11-12_2023-06-30.ndjson.gz')) {
    const { source, event_type, event_time, received_at } = JSON.parse(line) as Record<string, string>;
    const one = bySource.get(source as string) ?? { received: [], event: [] };
    one.received.push({ ms: Date.parse(received_at as string) });
    const eventMs = Date.parse(event_time as string);
    if (event_type === 'quake.reported' && eventMs > Date.UTC(2021, 10, 12)) one.event.push({ ms: eventMs });
    bySource.set(source as string, one);
  }
  const others = bySource.size - 1;
  return (['received', 'event'] as const).map((basis) => {
    const found = { basis, networks: bySource.size, gaps: 0, hours: 0, unjudged: 0, blind_days: [] as number[] };
    for (const of of bySource.values()) {
      if (of[basis].length === 0) continue;
      const { gaps, view } = judgeInstants(of[basis], { others });
      found.gaps += gaps.length;
      found.hours += windowsOf(gaps).size;
      if (view.model === 'CANNOT_BE_JUDGED') found.unjudged += 1;
      if (view.blind_ms !== null) found.blind_days.push(Math.round(view.blind_ms / DAY));
    }
    found.blind_days.sort((a, b) => a - b);
    return found;
  });
}

const cells = (values: readonly (string | number)[]) => `| ${values.join(' | ')} |`;

/** NAMED, and OUTAGE alone if that is less; empty if no outage of that length fits the range. */
function cellOf({ outage, named }: { outage: number; named: number }): string | number {
  if (Number.isNaN(named)) return '';
  return outage === named ? named : `${named} (${outage})`;
}

const alarms = falseAlarms();
console.log(cells(['series', 'OUTAGE', 'PARTIAL', 'SKIP']));
console.log('|---|--:|--:|--:|');
for (const { name, outage, partial, skip } of alarms) console.log(cells([name, outage, partial, skip]));
const recall = recallOfOne();
console.log(`\n${cells(['series', ...LENGTHS])}\n${cells(['---', ...LENGTHS.map(() => '--:')])}`);
for (const { name, rows } of recall) console.log(cells([name, ...rows.map(cellOf)]));
const many = precisionOfMany();
console.log('\nseveral outages', JSON.stringify(many));
const data = existsSync(DATA) ? { polls: thinnedPolls(), publications: publications(), networks: networks() } : null;
console.log(JSON.stringify(data, null, 1));
mkdirSync(join(import.meta.dirname, '../results'), { recursive: true });
const results = { reports: REPORTS, runs: RUNS, alarms, recall, many, data };
writeFileSync(join(import.meta.dirname, '../results/cadence.json'), `${JSON.stringify(results, null, 2)}\n`);
