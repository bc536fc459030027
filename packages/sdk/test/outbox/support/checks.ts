import { expect } from 'vitest';

import type { Ending, Fault } from './sim-files.ts';
import { type Listed, OVER, type World } from './world.ts';

/** Checks that all pending records can be read at any time, in order, and no acknowledged one. */
export async function expectReadable(world: World): Promise<void> {
  const { outbox } = world;
  if (outbox === null) return;
  const owed = world.owed();
  const read = await world.alive(world.read(outbox.readPending()).catch((): typeof OVER => OVER));
  if (read === OVER) return;
  for (const { position, text } of owed) expect(read.get(position)).toBe(text);
  expectKnown(world, read);
}

function expectKnown(world: World, read: ReadonlyMap<number, string>): void {
  // If a failed fsync dropped a cursor that reads still saw, acknowledged records come back and are sent again.
  const known = new Map([...(world.hasDropped ? world.former.values() : []), ...world.list].map(textAndPosition));
  for (const [position, text] of read) expect(known.get(text)).toBe(position);
  const positions = [...read.keys()];
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
}

function textAndPosition({ text, position }: Listed): [string, number] {
  return [text, position];
}

/** How a process ends, and the faults of the next one. */
export interface Restart {
  readonly ending: Ending | 'close';
  readonly faults: readonly Fault[];
}

/** Ends the process, starts the next one, and compares its records with the list. */
export async function restart(world: World, { ending, faults }: Restart): Promise<void> {
  const how = await world.end(ending);
  const owed = world.owed();
  const hadFaults = world.reports.length > 0;
  if ((await world.open(faults)) === null) {
    // A process that fails to start has changed nothing that matters; the next one has a working disk.
    await world.end('kill');
    await world.open();
  }
  const { outbox } = world;
  if (outbox === null) throw new Error('a sound disk must open');
  const read = await world.alive(world.read(outbox.readRecovered()).catch((): typeof OVER => OVER));
  if (read === OVER) return restart(world, { ending: 'kill', faults: [] });
  for (const { position, text } of owed) expect(read.get(position)).toBe(text);
  expectKnown(world, read);
  const { pending_count, recovered_count } = outbox.stats();
  expect([pending_count, recovered_count]).toEqual([read.size, read.size]);
  if (how === 'clean' && !hadFaults) {
    // Records that a failed fsync may have dropped are not pending, but may exist.
    expect(read.size).toBeGreaterThanOrEqual(owed.length);
    if (!world.hasDropped) expect(read.size).toBe(owed.length);
  }
  if (!world.hasDropped) expectNoFalseAlarm(world);
  world.adopt(read);
  world.reports.length = 0;
}

/** No stored record is lost, so none may be reported as lost; only written records that were never synced may be. */
function expectNoFalseAlarm({ reports, list }: World): void {
  const alarms = ['missing', 'cursor_ahead', 'cursor_damaged', 'header_damaged'];
  expect(reports.filter(({ kind }) => alarms.includes(kind))).toEqual([]);
  for (const { first_position, last_position } of reports.filter(({ kind }) => kind === 'damaged')) {
    const isIn = ({ position }: Listed) => position >= (first_position ?? 0) && position <= (last_position ?? -1);
    expect(list.filter((listed) => listed.fate === 'stored' && isIn(listed))).toEqual([]);
  }
}

/** Checks that every record reported as dead is in the dead-letter file. */
export async function expectLetters(world: World): Promise<void> {
  if (world.dead.length === 0) return;
  const fd = await world.process.open('/data/outbox/dead-letters.ndjson', 'existing');
  const bytes = Buffer.alloc(1024 * 1024);
  const letters = bytes.toString('utf8', 0, await world.process.read(fd, bytes, 0));
  for (const text of world.dead) expect(letters).toContain(JSON.stringify(text).slice(1, -1));
}

/** Numbers from 0 to 1 that depend only on the seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
