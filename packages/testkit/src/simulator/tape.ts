/** One decision of a history: its name, how many values it could have, and the value that it has. */
export interface Choice {
  readonly name: string;
  readonly n: number;
  readonly value: number;
}

/** Where the values of decisions come from. */
export interface ChoiceSource {
  next(name: string, n: number): number;
}

/** Thrown if a history asks for a different decision than the recorded one: something in it is not deterministic. */
export class NotDeterministic extends Error {}

/** Records every decision of a history, so that the history can be played again. */
export class Tape {
  readonly choices: Choice[] = [];
  readonly #source: ChoiceSource;

  /** A tape whose values come from `source`. */
  constructor(source: ChoiceSource) {
    this.#source = source;
  }

  /** A whole number of `[0, n)`; 0 is the plainest. */
  choose(name: string, n: number): number {
    if (n <= 1) return 0;
    const value = this.#source.next(name, n);
    this.choices.push({ name, n, value });
    return value;
  }

  /** True once in `oneIn` times; never if it is 0. */
  chance(name: string, oneIn: number): boolean {
    return oneIn > 0 && this.choose(name, Math.max(2, oneIn)) === 1;
  }

  /** One of the items; the first is the plainest. */
  pick<T>(name: string, items: readonly [T, ...T[]]): T {
    return items[this.choose(name, items.length)] ?? items[0];
  }
}

/** A 64-bit seed as two words. */
export type Seed = readonly [high: number, low: number];

/** The seed of 16 hexadecimal digits. */
export function parseSeed(text: string): Seed {
  return [Number.parseInt(text.slice(0, 8), 16), Number.parseInt(text.slice(8, 16), 16)];
}

/** Pseudo-random words with 128 bits of state (sfc32). */
export function createWords([high, low]: Seed): () => number {
  let [a, b, c, count] = [high >>> 0, low >>> 0, 0x9e3779b9, 1];
  const next = () => {
    const sum = (a + b + count++) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** Random values. */
export function fresh(seed: Seed): ChoiceSource {
  const words = createWords(seed);
  return { next: (_, n) => words() % n };
}

/** Exactly the recorded values, then the plainest; throws `NotDeterministic` at the first decision that differs. */
export function replayed(choices: readonly Choice[]): ChoiceSource {
  return exactly((place) => choices[place]);
}

/** The recorded value of each place, the plainest where none is recorded. */
function exactly(choiceAt: (place: number) => Choice | undefined): ChoiceSource {
  let at = 0;
  return {
    next(name, n) {
      const place = at++;
      const choice = choiceAt(place);
      if (choice === undefined) return 0;
      if (choice.name !== name || choice.n !== n)
        throw new NotDeterministic(`decision ${place} is ${name} of ${n}, and was ${choice.name} of ${choice.n}`);
      return choice.value;
    },
  };
}

/** The plainest value of every decision. */
export const PLAIN: ChoiceSource = { next: () => 0 };

/** How far ahead to look for a decision of the same name after a tape was changed. */
const LOOK_AHEAD = 12;

/** The recorded values as far as they fit: after a tape was changed, later decisions keep their values by name. */
export function adapted(choices: readonly Choice[], rest: ChoiceSource = PLAIN): ChoiceSource {
  let at = 0;
  return {
    next(name, n) {
      if (at >= choices.length) return rest.next(name, n);
      for (let i = at; i < Math.min(choices.length, at + LOOK_AHEAD); i++) {
        const choice = choices[i];
        if (choice?.name !== name) continue;
        at = i + 1;
        return choice.value % n;
      }
      return 0;
    },
  };
}

/** The text of a tape: a head, and a line for each decision that is not the plainest. */
export function tapeText(head: Readonly<Record<string, string>>, choices: readonly Choice[]): string {
  const lines = Object.entries(head).map(([name, value]) => `# ${name}: ${value}`);
  for (const [at, { name, n, value }] of choices.entries()) if (value !== 0) lines.push(`${at} ${name} ${n} ${value}`);
  return `${lines.join('\n')}\n`;
}

/** A tape as read from its text. */
export interface ReadTape {
  readonly head: Readonly<Record<string, string>>;
  /** The decisions that are not the plainest, by their place. */
  readonly values: ReadonlyMap<number, Choice>;
}

/** Reads the text of a tape. */
export function parseTape(text: string): ReadTape {
  const head: Record<string, string> = {};
  const values = new Map<number, Choice>();
  for (const line of text.split('\n')) {
    const said = /^# ([^:]+): (.*)$/.exec(line);
    if (said !== null) head[said[1] ?? ''] = said[2] ?? '';
    const [, at, name = '', n, value] = /^(\d+) (\S+) (\d+) (\d+)$/.exec(line) ?? [];
    if (at !== undefined) values.set(Number(at), { name, n: Number(n), value: Number(value) });
  }
  return { head, values };
}

/** The values of a tape that was read; throws `NotDeterministic` if a decision that it holds has another name now. */
export function replayedTape({ values }: ReadTape): ChoiceSource {
  return exactly((place) => values.get(place));
}
