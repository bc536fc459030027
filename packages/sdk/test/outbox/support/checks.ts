import { expect } from 'vitest';

import type { Ending, Fault } from './sim-files.ts';
import { type Listed, OVER, type World } from './world.ts';

/** What is owed can be read at any time, in order, and nothing that is settled. */
export async function expectReadable(world: World): Promise<void> {
  const { outbox } = world;
  if (outbox === null) return;
  const owed = world.owed();
  const read = await world.alive(world.read(outbox.readPending()).catch(() => OVER as typeof OVER));
  if (read === OVER) return;
  for (const { position, text } of owed) expect(read.get(position)).toBe(text);
  expectKnown(world, read);
}

function expectKnown(world: World, read: ReadonlyMap<number, string>): void {
  // Where a failed fsync has dropped a cursor that reads still saw, what was settled comes back: it is sent again.
  const known = new Map([...(world.hasDropped ? world.former.values() : []), ...world.list].map(textAndPosition));
  for (const [position, text] of read) expect(known.get(text)).toBe(position);
  const positions = [...read.keys()];
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
}

function textAndPosition({ text, position }: Listed): [string, number] {
  return [text, position];
}

/** How a process ends, and what will happen to calls of the next one. */
export interface Restart {
  readonly ending: Ending | 'close';
  readonly faults: readonly Fault[];
}

/** The process ends and the next one starts: what is there is what the list says. */
export async function restart(world: World, { ending, faults }: Restart): Promise<void> {
  const how = await world.end(ending);
  const owed = world.owed();
  const hadFaults = world.reports.length > 0;
  if ((await world.open(faults)) === null) {
    // A process that fails to start has changed nothing that counts; the next one has a sound disk.
    await world.end('kill');
    await world.open();
  }
  const { outbox } = world;
  if (outbox === null) throw new Error('a sound disk must open');
  const read = await world.alive(world.read(outbox.readRecovered()).catch(() => OVER as typeof OVER));
  if (read === OVER) return restart(world, { ending: 'kill', faults: [] });
  for (const { position, text } of owed) expect(read.get(position)).toBe(text);
  expectKnown(world, read);
  const { pending_count, recovered_count } = outbox.stats();
  expect([pending_count, recovered_count]).toEqual([read.size, read.size]);
  if (how === 'clean' && !hadFaults) {
    // What a failed fsync may have dropped is not owed, and may be there all the same.
    expect(read.size).toBeGreaterThanOrEqual(owed.length);
    if (!world.hasDropped) expect(read.size).toBe(owed.length);
  }
  if (!world.hasDropped) expectNoFalseAlarm(world);
  world.adopt(read);
  world.reports.length = 0;
}

/** Nothing that was ever stored is lost, so nothing may be said to be: at most what was written and never synced. */
function expectNoFalseAlarm({ reports, list }: World): void {
  const alarms = ['missing', 'cursor_ahead', 'cursor_damaged', 'header_damaged'];
  expect(reports.filter(({ kind }) => alarms.includes(kind))).toEqual([]);
  for (const { first_position, last_position } of reports.filter(({ kind }) => kind === 'damaged')) {
    const isIn = ({ position }: Listed) => position >= (first_position ?? 0) && position <= (last_position ?? -1);
    expect(list.filter((listed) => listed.fate === 'stored' && isIn(listed))).toEqual([]);
  }
}

/** Every record that was said to be in the dead-letter file is there. */
export async function expectLetters(world: World): Promise<void> {
  if (world.dead.length === 0) return;
  const fd = await world.process.open('/data/outbox/dead-letters.ndjson', 'existing');
  const bytes = Buffer.alloc(1024 * 1024);
  const letters = bytes.toString('utf8', 0, await world.process.read(fd, bytes, 0));
  for (const text of world.dead) expect(letters).toContain(JSON.stringify(text).slice(1, -1));
}

/** Numbers from 0 to 1 that depend on the seed alone. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
