import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * The bytes for new objects, in two halves. In less, the records of a group outlive it: they are copied to the old generation, which
 * took a fifth of the server's time. V8's own bound is four times as much, and takes 100 MB more memory for nothing.
 */
export const YOUNG_BYTES = 16 * 1024 * 1024;

/** V8 may give up half of it while the server is idle. */
const CHECK_MS = 10_000;

/** Objects that are made between two looks at the size, some 2 MB. */
const OBJECTS_AT_ONCE = 20_000;

/** The most rounds: each collection may double the size, which starts at 1 MB. */
const ROUNDS_MAX = 50;

/** Keeps the young generation of this thread at `YOUNG_BYTES`, neither smaller nor larger. */
export function keepYoungGeneration(): void {
  grow();
  setInterval(grow, CHECK_MS).unref();
}

function grow(): void {
  if (youngBytes() < YOUNG_BYTES) {
    // V8 grows it after a collection that many objects have survived.
    setFlagsFromString('--semi-space-growth-factor=2');
    for (let round = 0; round < ROUNDS_MAX && youngBytes() < YOUNG_BYTES; round++)
      Array.from({ length: OBJECTS_AT_ONCE }, (_, i) => ({ i, held: [i] }));
  }
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** The bytes of the young generation of this thread. */
export function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? YOUNG_BYTES;
}
