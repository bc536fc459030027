// Processes by which events arrive, from a seed: by chance, in bursts, in heavy tails, by a clock that skips. Counts are of
// deliveries per window, hours unless something else is said; hour 0 is that of a Monday.

/** Numbers from 0 up to 1. */
export type Random = () => number;

/** Deliveries of each window of a time, and the events in them where these are more. */
export interface Arrivals {
  readonly deliveries: Float64Array;
  readonly rows: Float64Array;
  /** When in its window the first and the last delivery came, as a share of it. */
  readonly places: { readonly first: Float64Array; readonly last: Float64Array };
}

/** Makes arrivals over some windows. */
export type Process = (random: Random, windows: number) => Arrivals;

/** The same numbers for the same seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const exponential = (random: Random) => -Math.log(1 - random());
export const normal = (random: Random) => Math.sqrt(2 * exponential(random)) * Math.cos(2 * Math.PI * random());

export function poissonCount(rate: number, random: Random): number {
  if (rate > 60) return Math.max(0, Math.round(rate + Math.sqrt(rate) * normal(random)));
  let count = 0;
  for (let at = exponential(random); at <= rate; at += exponential(random)) count += 1;
  return count;
}

function gammaOf(shape: number, random: Random): number {
  // Marsaglia & Tsang; shapes below 1 by a power of a uniform.
  if (shape < 1) return gammaOf(shape + 1, random) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = normal(random);
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

const dayOf = (hour: number) => Math.floor(hour / 24) % 7;
const middle = (windows: number) => new Float64Array(windows).fill(0.5);

function counts(deliveries: Float64Array, rows = deliveries): Arrivals {
  return { deliveries, rows, places: { first: middle(deliveries.length), last: middle(deliveries.length) } };
}

const perWindow =
  (countAt: (random: Random, hour: number) => number): Process =>
  (random, windows) =>
    counts(Float64Array.from({ length: windows }, (_, hour) => countAt(random, hour)));

/** Distinct minutes of times in hours. */
function inMinutes(times: readonly number[], windows: number): Arrivals {
  const minutes = new Set<number>();
  for (const time of times) if (time >= 0 && time < windows) minutes.add(Math.floor(time * 60));
  const deliveries = new Float64Array(windows);
  for (const minute of minutes) {
    const hour = Math.floor(minute / 60);
    deliveries[hour] = (deliveries[hour] as number) + 1;
  }
  return counts(deliveries);
}

export const poisson = (rate: number): Process => perWindow((random) => poissonCount(rate, random));

/** Busy by day, quiet by night. */
export const daily = (rate: number): Process =>
  perWindow((random, hour) =>
    poissonCount(rate * (1 + 0.9 * Math.sin((2 * Math.PI * ((hour % 24) - 8)) / 24)), random),
  );

export const negativeBinomial = (mean: number, dispersion: number): Process =>
  perWindow((random) => poissonCount(gammaOf(mean / (dispersion - 1), random) * (dispersion - 1), random));

/** Each event makes `branching` others, `tau` hours later in the mean. */
export function hawkes(background: number, branching: number, tau: number): Process {
  return (random, windows) => {
    const before = 200;
    const all: number[] = [];
    let young = Array.from(
      { length: poissonCount(background * (windows + before), random) },
      () => random() * (windows + before) - before,
    );
    while (young.length > 0) {
      for (const time of young) all.push(time);
      young = young
        .flatMap((time) =>
          Array.from({ length: poissonCount(branching, random) }, () => time + tau * exponential(random)),
        )
        .filter((time) => time < windows);
    }
    return inMinutes(all, windows);
  };
}

/** Independent distances; the first half of the time is left to run in. Times without any arrival are drawn again. */
export function renewal(distance: (random: Random) => number): Process {
  return (random, windows) => {
    const times: number[] = [];
    while (times.length === 0)
      for (let at = -windows / 2 + distance(random) * random(); at < windows; at += distance(random))
        if (at >= 0) times.push(at);
    return inMinutes(times, windows);
  };
}

export const lognormal = (scale: number, sigma: number): Process =>
  renewal((random) => scale * Math.exp(sigma * normal(random)));
export const pareto = (scale: number, shape: number): Process =>
  renewal((random) => scale * (1 - random()) ** (-1 / shape));
export const weibull = (scale: number, shape: number): Process =>
  renewal((random) => scale * exponential(random) ** (1 / shape));

/** A rate that wanders: the exponential of an Ornstein-Uhlenbeck process. */
export function cox(rate: number, sd: number, tau: number): Process {
  return (random, windows) => {
    const keeps = Math.exp(-1 / tau);
    let z = normal(random);
    return counts(
      Float64Array.from({ length: windows }, () => {
        const count = poissonCount(rate * Math.exp(sd * z - (sd * sd) / 2), random);
        z = keeps * z + normal(random) * Math.sqrt(1 - keeps * keeps);
        return count;
      }),
    );
  };
}

/** On for some hours, off for some. */
export function switching(on: number, off: number, hoursOn: number, hoursOff: number): Process {
  return (random, windows) => {
    const rates = new Float64Array(windows);
    let isOn = random() < hoursOn / (hoursOn + hoursOff);
    for (let t = 0; t < windows; isOn = !isOn) {
      const length = Math.ceil(exponential(random) * (isOn ? hoursOn : hoursOff));
      rates.fill(isOn ? on : off, t, t + length);
      t += length;
    }
    return counts(rates.map((rate) => poissonCount(rate, random)));
  };
}

/** One delivery in each hour, or `per`, each left out with this probability. */
export const clock = (skips: number, per = 1): Process =>
  perWindow((random) => {
    let count = 0;
    for (let i = 0; i < per; i++) if (random() >= skips) count += 1;
    return count;
  });

/** The same, with up to thirty deliveries in one window of so many. */
export function withBursts(process: Process, share: number): Process {
  return (random, windows) => {
    const { deliveries } = process(random, windows);
    return counts(deliveries.map((d) => (d > 0 && random() < share ? d + 1 + Math.floor(random() * 30) : d)));
  };
}

/** A clock that, once it skips, skips on. */
export function stickyClock(skips: number, again: number): Process {
  return (random, windows) => {
    let isOut = false;
    return counts(
      Float64Array.from({ length: windows }, () => {
        isOut = random() < (isOut ? again : skips);
        return isOut ? 0 : 1;
      }),
    );
  };
}

export const weekdayClock = (skips: number): Process =>
  perWindow((random, hour) => (dayOf(hour) < 5 && random() >= skips ? 1 : 0));
export const office = (rate: number): Process =>
  perWindow((random, hour) => (dayOf(hour) < 5 && hour % 24 >= 8 && hour % 24 < 18 ? poissonCount(rate, random) : 0));

/** Once in the night, now and then an hour late. */
export function nightly(skips: number): Process {
  return (random, windows) => {
    const deliveries = new Float64Array(windows);
    for (let day = 0; day < windows / 24; day++) {
      const hour = day * 24 + 2 + (random() < 0.1 ? 1 : 0);
      if (random() >= skips && hour < windows) deliveries[hour] = 1;
    }
    return counts(deliveries);
  };
}

export function growth(from: number, to: number): Process {
  return (random, windows) =>
    counts(
      Float64Array.from({ length: windows }, (_, hour) => poissonCount(from * (to / from) ** (hour / windows), random)),
    );
}

/** An interval of its own, with some jitter, in hours. */
export function interval(mean: number, jitter: number, skips: number): Process {
  return (random, windows) => {
    const deliveries = new Float64Array(windows);
    const places = { first: middle(windows), last: middle(windows) };
    for (let time = -mean * random(); time < windows; time += Math.max(0.1, mean + jitter * normal(random))) {
      if (time < 0 || random() < skips) continue;
      const hour = Math.floor(time);
      const place = Math.floor((time - hour) * 60) / 60;
      if (deliveries[hour] === 0) places.first[hour] = place;
      places.last[hour] = place;
      deliveries[hour] = (deliveries[hour] as number) + 1;
    }
    return { deliveries, rows: deliveries, places };
  };
}

/** Fetched once an hour: whatever came in it comes in one delivery. */
export function polled(process: Process): Process {
  return (random, windows) => {
    const { deliveries } = process(random, windows);
    return counts(
      deliveries.map((count) => Math.min(1, count)),
      deliveries,
    );
  };
}

/** Arrivals without those of some windows. */
export function without(arrivals: Arrivals, [from, to]: readonly [number, number]): Arrivals {
  const deliveries = arrivals.deliveries.slice().fill(0, from, to);
  return { ...arrivals, deliveries, rows: arrivals.rows.slice().fill(0, from, to) };
}
