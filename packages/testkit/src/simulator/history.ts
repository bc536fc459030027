import { closeAll } from './platform/fs.ts';
import { closeStores } from './platform/sqlite.ts';
import { type Choice, type ChoiceSource, NotDeterministic, Tape } from './tape.ts';
import { enterWorld, Stuck, World } from './world.ts';

/** A promise that does not hold, as an oracle found it. */
export class Broken extends Error {
  readonly oracle: string;
  constructor(oracle: string, text: string) {
    super(text);
    this.oracle = oracle;
  }
}

/** Throws `Broken` unless the condition holds. */
export function holds(oracle: string, condition: boolean, text: () => string): asserts condition {
  if (!condition) throw new Broken(oracle, text());
}

/** A part of the kit under simulation: it plays a history in a world and throws `Broken` if a promise does not hold. */
export interface Subject {
  readonly name: string;
  play(world: World): Promise<void>;
}

/** The way in which a history failed. */
export interface Failure {
  /** The oracle that found it, or the kind of error. */
  readonly oracle: string;
  readonly text: string;
}

/** A history as it was played. */
export interface Played {
  readonly choices: readonly Choice[];
  readonly steps: number;
  readonly deaths: number;
  readonly failure: Failure | null;
  readonly acknowledged: number;
}

let acknowledged = 0;
let unhandled: unknown = null;

/** Counts receipts that were acknowledged to a sender. */
export function countAcknowledged(receipts: number): void {
  acknowledged += receipts;
}

process.on('unhandledRejection', (error) => {
  if (!(error instanceof Error) || error.constructor.name !== 'Gone') unhandled ??= error;
});

/** Plays one history with the decisions of a source; `watch` sees its world before it begins. */
export async function playHistory(
  subject: Subject,
  source: ChoiceSource,
  watch: (world: World) => void = () => {},
): Promise<Played> {
  const world = new World(new Tape(source));
  watch(world);
  acknowledged = 0;
  unhandled = null;
  enterWorld(world);
  let failure: Failure | null = null;
  try {
    let ending: { error?: unknown } | null = null;
    const driver = subject.play(world).then(
      () => {
        ending = {};
      },
      (error: unknown) => {
        ending = { error };
      },
    );
    await world.runUntil(() => ending !== null);
    await driver;
    const { error } = (ending ?? {}) as { error?: unknown };
    if (error !== undefined) throw error;
    if (unhandled !== null) throw unhandled;
  } catch (error) {
    failure = failureOf(error);
  }
  closeAll();
  closeStores();
  enterWorld(null);
  return { choices: world.tape.choices, steps: world.steps, deaths: world.deaths, failure, acknowledged };
}

function failureOf(error: unknown): Failure {
  if (error instanceof NotDeterministic) throw error;
  if (error instanceof Broken) return { oracle: error.oracle, text: error.message };
  if (error instanceof Stuck) return { oracle: 'stuck', text: error.message };
  const { name = 'Error', message = String(error), code = '' } = (error ?? {}) as Partial<Error> & { code?: string };
  const at = error instanceof Error ? (error.stack ?? '').split('\n').slice(0, 8).join('\n') : '';
  return { oracle: `error ${code === '' ? name : code}`, text: `${message}\n${at}` };
}
