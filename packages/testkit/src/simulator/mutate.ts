import { adapted, type Choice, type ChoiceSource, createWords, fresh, type Seed } from './tape.ts';

/** Tapes that reached something new. */
export class Corpus {
  readonly tapes: (readonly Choice[])[] = [];
  readonly #max: number;

  /** A corpus that keeps at most `max` tapes. */
  constructor(max = 400) {
    this.#max = max;
  }

  /** Keeps a tape, and drops the oldest one beyond the limit. */
  add(choices: readonly Choice[]): void {
    this.tapes.push(choices);
    if (this.tapes.length > this.#max) this.tapes.shift();
  }
}

/** The decisions of the next history: half of them fresh, half a tape of the corpus with changes. */
export function nextSource(corpus: Corpus, seed: Seed): ChoiceSource {
  const words = createWords([seed[0] ^ 0x5bd1e995, seed[1]]);
  const random = fresh(seed);
  const base = corpus.tapes[words() % Math.max(1, corpus.tapes.length)];
  if (base === undefined || words() % 2 === 0) return random;
  return adapted(changed(base, corpus, words), random);
}

function changed(base: readonly Choice[], corpus: Corpus, words: () => number): Choice[] {
  const at = words() % Math.max(1, base.length);
  switch (words() % 4) {
    case 0: {
      // The beginning of one tape, the end of another.
      const other = corpus.tapes[words() % corpus.tapes.length] ?? base;
      return [...base.slice(0, at), ...other.slice(at)];
    }
    case 1:
      // The beginning of a tape; later decisions are drawn.
      return base.slice(0, at);
    case 2:
      return base.map((choice) => (words() % 16 === 0 ? { ...choice, value: words() % choice.n } : choice));
    default:
      return base.map((choice, i) => (i === at ? { ...choice, value: words() % choice.n } : choice));
  }
}
