import { closeAll } from './platform/fs.ts';
import { closeStores } from './platform/sqlite.ts';
import { type Choice, type ChoiceSource, NotDeterministic, Tape } from './tape.ts';
import { enterWorld, Stuck, World } from './world.ts';

/** A broken promise that an oracle found. */
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

let unhandled: unknown = null;

process.on('unhandledRejection', (error) => {
  if (!(error instanceof Error) || error.constructor.name !== 'Gone') unhandled ??= error;
});

/** Runs one history with the decisions of a source; `watch` gets its world before it begins. */
export async function playHistory(
  subject: Subject,
  source: ChoiceSource,
  watch: (world: World) => void = () => {},
): Promise<Played> {
  const world = new World(new Tape(source));
  watch(world);
  const failure = await failureIn(subject, world);
  const { steps, deaths, acknowledged } = world;
  return { choices: world.tape.choices, steps, deaths, failure, acknowledged };
}

async function failureIn(subject: Subject, world: World): Promise<Failure | null> {
  unhandled = null;
  enterWorld(world);
  try {
    let isOver = false;
    const driver = subject.play(world).finally(() => {
      isOver = true;
    });
    // Awaited once the world has no more calls.
    driver.catch(() => {});
    await world.runUntil(() => isOver);
    await driver;
    if (unhandled !== null) throw unhandled;
    return null;
  } catch (error) {
    return failureOf(error);
  } finally {
    closeAll();
    closeStores();
    enterWorld(null);
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof NotDeterministic) throw error;
  if (error instanceof Broken) return { oracle: error.oracle, text: error.message };
  if (error instanceof Stuck) return { oracle: 'stuck', text: error.message };
  const { name = 'Error', message = String(error), code = '' } = (error ?? {}) as Partial<Error> & { code?: string };
  const at = error instanceof Error ? (error.stack ?? '').split('\n').slice(0, 8).join('\n') : '';
  return { oracle: `error ${code === '' ? name : code}`, text: `${message}\n${at}` };
}
