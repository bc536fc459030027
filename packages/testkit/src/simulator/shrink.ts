import { type Failure, type Played, playHistory, type Subject } from './history.ts';
import { adapted, type Choice } from './tape.ts';

/** The maximum number of histories that a shrink may run. */
const TRIES_MAX = 1_500;

/** A smaller history with the same failure. */
export interface Shrunk {
  readonly choices: readonly Choice[];
  readonly failure: Failure;
}

/** Number of decisions that are not the plainest. */
export function sizeOf(choices: readonly Choice[]): number {
  return choices.reduce((sum, { value }) => sum + (value === 0 ? 0 : 1), 0);
}

/** Makes decisions plain, or leaves them out, as long as the same oracle finds the failure. */
export async function shrink(subject: Subject, played: Played & { failure: Failure }): Promise<Shrunk> {
  let best: Shrunk = { choices: played.choices, failure: played.failure };
  let tries = 0;
  const attempt = async (choices: readonly Choice[]): Promise<boolean> => {
    if (tries >= TRIES_MAX) return false;
    tries += 1;
    const { failure, choices: made } = await playHistory(subject, adapted(choices));
    if (failure?.oracle !== best.failure.oracle || !isSmaller(made, best.choices)) return false;
    best = { choices: made, failure };
    return true;
  };
  for (let size = sizeOf(best.choices) + 1; sizeOf(best.choices) < size && tries < TRIES_MAX; ) {
    size = sizeOf(best.choices);
    await makePlain(() => best.choices, attempt);
    await leaveOut(() => best.choices, attempt);
    await makeSmaller(() => best.choices, attempt);
  }
  return best;
}

function isSmaller(made: readonly Choice[], known: readonly Choice[]): boolean {
  const [a, b] = [sizeOf(made), sizeOf(known)];
  if (a !== b) return a < b;
  const [sumA, sumB] = [sumOf(made), sumOf(known)];
  return sumA < sumB || (sumA === sumB && made.length < known.length);
}

function sumOf(choices: readonly Choice[]): number {
  return choices.reduce((sum, { value }) => sum + value, 0);
}

type Attempt = (choices: readonly Choice[]) => Promise<boolean>;

/** Places of the decisions that are not plain. */
function places(choices: readonly Choice[]): number[] {
  return choices.flatMap(({ value }, at) => (value === 0 ? [] : [at]));
}

/** Makes ranges of decisions plain: half of them, a quarter, down to single ones. */
async function makePlain(known: () => readonly Choice[], attempt: Attempt): Promise<void> {
  for (let length = Math.ceil(places(known()).length / 2); length >= 1; length = length === 1 ? 0 : length >> 1) {
    for (let start = 0; start < places(known()).length; ) {
      const some = new Set(places(known()).slice(start, start + length));
      const done = await attempt(known().map((choice, at) => (some.has(at) ? { ...choice, value: 0 } : choice)));
      if (!done) start += length;
    }
  }
}

/** Leaves out ranges of decisions, with everything that follows from them. */
async function leaveOut(known: () => readonly Choice[], attempt: Attempt): Promise<void> {
  for (let length = known().length >> 1; length >= 1; length >>= 1) {
    for (let start = 0; start < known().length; ) {
      const done = await attempt([...known().slice(0, start), ...known().slice(start + length)]);
      if (!done) start += length;
    }
  }
}

async function makeSmaller(known: () => readonly Choice[], attempt: Attempt): Promise<void> {
  for (const place of places(known())) {
    const value = known()[place]?.value ?? 0;
    for (const less of [1, value >> 1, value - 1]) {
      if (less < 1 || less >= value) continue;
      if (await attempt(known().map((choice, at) => (at === place ? { ...choice, value: less } : choice)))) break;
    }
  }
}
