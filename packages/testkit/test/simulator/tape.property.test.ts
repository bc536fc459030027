import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import {
  adapted,
  fresh,
  NotDeterministic,
  parseTape,
  replayed,
  replayedTape,
  Tape,
  tapeText,
} from '../../src/simulator/tape.ts';

const asked = fc.array(fc.record({ name: fc.constantFrom('a', 'b:c', 'd'), n: fc.integer({ min: 2, max: 9 }) }), {
  maxLength: 40,
});
const seed = fc.tuple(fc.nat(), fc.nat());

function play(tape: Tape, questions: readonly { name: string; n: number }[]): number[] {
  return questions.map(({ name, n }) => tape.choose(name, n));
}

it('a tape gives the same values again, from memory and from its text', () => {
  fc.assert(
    fc.property(seed, asked, (words, questions) => {
      const tape = new Tape(fresh(words));
      const values = play(tape, questions);
      for (const [i, value] of values.entries()) expect(value).toBeLessThan(questions[i]?.n ?? 0);
      expect(play(new Tape(replayed(tape.choices)), questions)).toEqual(values);
      const text = tapeText({ subject: 's' }, tape.choices);
      expect(play(new Tape(replayedTape(parseTape(text))), questions)).toEqual(values);
      expect(parseTape(text).head).toEqual({ subject: 's' });
      expect(play(new Tape(adapted(tape.choices)), questions)).toEqual(values);
    }),
    runs(300),
  );
});

it('another decision than the recorded one is found at once', () => {
  const tape = new Tape(fresh([1, 2]));
  play(tape, [
    { name: 'a', n: 5 },
    { name: 'b', n: 5 },
  ]);
  const again = new Tape(replayed(tape.choices));
  again.choose('a', 5);
  expect(() => again.choose('c', 5)).toThrow(NotDeterministic);
});

it('a tape from memory and one from its text name the same place', () => {
  const tape = new Tape({ next: () => 1 });
  play(tape, [
    { name: 'a', n: 5 },
    { name: 'b', n: 5 },
  ]);
  for (const source of [replayed(tape.choices), replayedTape(parseTape(tapeText({}, tape.choices)))]) {
    const again = new Tape(source);
    again.choose('a', 5);
    expect(() => again.choose('c', 5)).toThrow('decision 1 is c of 5, and was b of 5');
  }
});

it('two seeds of 64 bits that differ in one bit give different values', () => {
  const values = (high: number, low: number) =>
    play(
      new Tape(fresh([high, low])),
      Array.from({ length: 20 }, () => ({ name: 'a', n: 1_000 })),
    );
  const base = values(7, 9);
  for (let bit = 0; bit < 32; bit++) {
    expect(values(7 ^ (1 << bit), 9)).not.toEqual(base);
    expect(values(7, 9 ^ (1 << bit))).not.toEqual(base);
  }
});
