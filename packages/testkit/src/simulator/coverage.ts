import { isFolder, type SimDisk } from './disk.ts';
import { DIR } from './server.ts';
import type { World } from './world.ts';

/** Counts up to a bound, in coarse steps. */
function few(count: number): number {
  return Math.min(count, 3);
}

function countIn(disk: SimDisk, path: string): number {
  const folder = disk.find(path);
  return isFolder(folder) ? folder.names.size : 0;
}

/** Unfinished drafts, hours of the log, runs of keys: the state that a process finds when it starts now. */
function stateOf(world: World, call: string): string {
  const { disk, deaths } = world;
  const drafts = few(countIn(disk, `${DIR}/tmp`));
  const keys = few(countIn(disk, `${DIR}/index.keys`));
  const hours = few(countIn(disk, `${DIR}/raw/v1`));
  return `${call} ${drafts} ${keys} ${hours} ${few(deaths)} ${few(world.waiting)} ${world.current?.name ?? ''}`;
}

/** The abstract states of histories, and the pairs that followed each other. */
export class Coverage {
  readonly states = new Set<string>();
  /** The number of histories that had each pair of consecutive states. */
  readonly pairs = new Map<string, number>();
  #own = new Set<string>();
  #last = '';

  /** Watches a history. */
  begin(world: World): void {
    this.#own = new Set();
    this.#last = '';
    world.onStep = (call) => {
      const state = stateOf(world, call);
      this.states.add(state);
      this.#own.add(`${this.#last} > ${state}`);
      this.#last = state;
    };
  }

  /** Ends a history; returns how many of its pairs are new. */
  end(): number {
    let fresh = 0;
    for (const pair of this.#own) {
      const known = this.pairs.get(pair) ?? 0;
      if (known === 0) fresh += 1;
      this.pairs.set(pair, known + 1);
    }
    return fresh;
  }

  /** Pairs that only one history had. */
  get once(): number {
    let once = 0;
    for (const count of this.pairs.values()) if (count === 1) once += 1;
    return once;
  }
}
