import { watchSometimes } from '@pik/engine/internals';

import { Coverage } from './coverage.ts';
import { type Failure, type Played, playHistory, type Subject } from './history.ts';
import { Corpus, nextSource } from './mutate.ts';
import { shrink, sizeOf } from './shrink.ts';
import { type Choice, createWords, parseSeed, replayed, type Seed, tapeText } from './tape.ts';

/** Order for a process of the simulator. */
export interface CampaignOrder {
  readonly subject: string;
  readonly seed: string;
  /** Ends after this many histories or seconds of its processor, whichever comes first. */
  readonly histories: number | null;
  readonly seconds: number | null;
  /** Ends at the first failure; without it, failures are collected, one for each oracle. */
  readonly untilFailure: boolean;
  /** Shrinks the failures. */
  readonly shrinks: boolean;
}

/** A failure that was found. */
export interface Found extends Failure {
  readonly history: number;
  readonly cpuSeconds: number;
  /** The text of the smallest tape. */
  readonly tape: string;
  readonly size: number;
  /** The number of histories that failed in this way. */
  count: number;
}

/** A point of the curve of new states. */
interface CurvePoint {
  readonly histories: number;
  readonly states: number;
  readonly pairs: number;
}

/** The result of a campaign. */
export interface CampaignResult {
  readonly subject: string;
  readonly seed: string;
  readonly histories: number;
  readonly steps: number;
  readonly deaths: number;
  readonly withTwoDeaths: number;
  readonly withAcknowledged: number;
  readonly acknowledged: number;
  readonly cpuSeconds: number;
  readonly playedTwice: number;
  readonly differed: number;
  readonly states: number;
  readonly pairs: number;
  readonly pairsOnce: number;
  readonly curve: readonly CurvePoint[];
  readonly hits: Readonly<Record<string, number>>;
  readonly corpus: number;
  readonly failures: readonly Found[];
}

/** One history in this many runs twice. */
const PLAYED_TWICE = 100;

/** Runs histories, and reports their states and failures. */
export async function runCampaign(subject: Subject, order: CampaignOrder): Promise<CampaignResult> {
  const words = createWords(parseSeed(order.seed));
  const [coverage, corpus] = [new Coverage(), new Corpus()];
  const hits: Record<string, number> = {};
  const found = new Map<string, Found>();
  const totals = { histories: 0, steps: 0, deaths: 0, twoDeaths: 0, withAcked: 0, acked: 0, twice: 0, differed: 0 };
  const curve: CurvePoint[] = [];
  const note = (name: string) => {
    hits[name] = (hits[name] ?? 0) + 1;
  };
  while (!isOver(order, totals.histories, found.size)) {
    const seed: Seed = [words(), words()];
    watchSometimes(note);
    const played = await playHistory(subject, nextSource(corpus, seed), (world) => coverage.begin(world));
    watchSometimes(null);
    if (coverage.end() > 0) corpus.add(played.choices);
    addTo(totals, played);
    if (totals.histories % PLAYED_TWICE === 1 && !(await isSame(subject, played, totals))) totals.differed += 1;
    if (isPowerOfTwo(totals.histories))
      curve.push({ histories: totals.histories, states: coverage.states.size, pairs: coverage.pairs.size });
    if (played.failure !== null) await keep({ subject, order, found, history: totals.histories }, played);
  }
  return {
    subject: subject.name,
    seed: order.seed,
    ...{ histories: totals.histories, steps: totals.steps, deaths: totals.deaths },
    ...{ withTwoDeaths: totals.twoDeaths, withAcknowledged: totals.withAcked, acknowledged: totals.acked },
    ...{ cpuSeconds: cpuSeconds(), playedTwice: totals.twice, differed: totals.differed },
    ...{ states: coverage.states.size, pairs: coverage.pairs.size, pairsOnce: coverage.once, curve, hits },
    ...{ corpus: corpus.tapes.length, failures: [...found.values()] },
  };
}

function isOver({ histories, seconds, untilFailure }: CampaignOrder, played: number, failures: number): boolean {
  if (untilFailure && failures > 0) return true;
  return played >= (histories ?? Number.POSITIVE_INFINITY) || cpuSeconds() >= (seconds ?? Number.POSITIVE_INFINITY);
}

/** Seconds of processor that this process has used. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function isPowerOfTwo(n: number): boolean {
  return (n & (n - 1)) === 0;
}

interface Totals {
  histories: number;
  steps: number;
  deaths: number;
  twoDeaths: number;
  withAcked: number;
  acked: number;
  twice: number;
}

function addTo(totals: Totals, { steps, deaths, acknowledged }: Played): void {
  totals.histories += 1;
  totals.steps += steps;
  totals.deaths += deaths;
  totals.acked += acknowledged;
  if (deaths >= 2) totals.twoDeaths += 1;
  if (acknowledged > 0) totals.withAcked += 1;
}

/** True if the same decisions lead to the same history. */
async function isSame(subject: Subject, played: Played, totals: Totals): Promise<boolean> {
  totals.twice += 1;
  const again = await playHistory(subject, replayed(played.choices)).catch(() => null);
  return again !== null && again.steps === played.steps && again.failure?.oracle === played.failure?.oracle;
}

interface Keeping {
  readonly subject: Subject;
  readonly order: CampaignOrder;
  readonly found: Map<string, Found>;
  readonly history: number;
}

async function keep({ subject, order, found, history }: Keeping, played: Played): Promise<void> {
  const { failure } = played;
  if (failure === null) return;
  const known = found.get(failure.oracle);
  if (known !== undefined) {
    known.count += 1;
    return;
  }
  const cpu = cpuSeconds();
  const small = order.shrinks ? await shrink(subject, { ...played, failure }) : { choices: played.choices, failure };
  found.set(failure.oracle, {
    ...small.failure,
    history,
    cpuSeconds: cpu,
    tape: tapeOf(subject, small.choices, small.failure),
    size: sizeOf(small.choices),
    count: 1,
  });
}

function tapeOf(subject: Subject, choices: readonly Choice[], { oracle, text }: Failure): string {
  return tapeText({ subject: subject.name, oracle, text: text.split('\n')[0] ?? '' }, choices);
}
