import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { MS_PER_HOUR, type VerifyPage } from '@pik/schema';
import { createTestClock, type TestClock } from '@pik/testkit';
import { createQuestionContext } from '../../src/api/question-context.ts';
import { type LocalBackend, openLocalBackend, openLocalRebuild } from '../../src/backends/local/open.ts';
import { compact } from '../../src/compact/compact.ts';
import { beginErasure, runErasure } from '../../src/erase/erase.ts';
import { ingest } from '../../src/ingest/ingest.ts';
import { sweep } from '../../src/ingest/sweep.ts';
import { type Context, createContext } from '../../src/runtime/context.ts';
import { rebuildIndex } from '../../src/verify/rebuild.ts';
import { verify } from '../../src/verify/verify.ts';

/** When the lives begin. */
export const START = Date.UTC(2026, 0, 5, 21);

/** A data directory with its clock. */
export interface EraseWorld {
  readonly dir: string;
  readonly clock: TestClock;
  backend: LocalBackend;
  context: Context;
}

/** Opens an empty directory. */
export async function openWorld(): Promise<EraseWorld> {
  const clock = createTestClock(START);
  const dir = mkdtempSync(join(tmpdir(), 'pik-erase-'));
  return { dir, clock, ...(await openAt(dir, clock)) };
}

async function openAt(dir: string, clock: TestClock): Promise<{ backend: LocalBackend; context: Context }> {
  const backend = await openLocalBackend({ dir, clock });
  return { backend, context: createQuestionContext({ backend }) };
}

/** Closes the directory and opens it again, as after a restart. */
export async function reopen(world: EraseWorld): Promise<void> {
  await world.backend.close();
  Object.assign(world, await openAt(world.dir, world.clock));
}

/** Makes the index again from the log, without its former files. */
export async function rebuild(world: EraseWorld): Promise<void> {
  await world.backend.close();
  const work = await openLocalRebuild({ dir: world.dir, clock: world.clock });
  await rebuildIndex(createContext({ backend: work.backend }), { answered: work.answered });
  const aside = await work.finish();
  if (aside !== null) rmSync(aside, { recursive: true });
  Object.assign(world, await openAt(world.dir, world.clock));
}

/** Closes and removes the directory. */
export async function closeWorld({ backend, dir }: EraseWorld): Promise<void> {
  await backend.close();
  rmSync(dir, { recursive: true, force: true });
}

/** A record about an entity; the value makes payloads differ. */
export function record(entity: string, minute: number, fields: object = {}): string {
  return JSON.stringify({
    source: 'shop',
    event_type: 'order.placed',
    entity_id: entity,
    event_time: new Date(START + minute * 60_000).toISOString(),
    payload: { minute },
    ...fields,
  });
}

/** Ingests records as one request. */
export async function send({ clock, context }: EraseWorld, records: readonly string[]) {
  clock.ms += 1;
  return ingest(context, {
    body: new TextEncoder().encode(records.join('\n')),
    format: 'ndjson',
    mode: 'live',
    receivedMs: clock.ms,
    requestId: context.newId(),
    principal: null,
    dryRun: false,
  });
}

/** Closes the hours that are over. */
export async function closeHours({ context }: EraseWorld): Promise<void> {
  await sweep(context, { minAgeMs: 0, lookBackMs: MS_PER_HOUR });
  await compact(context);
}

/** Erases an entity; `effect` as in `runErasure`. */
export async function eraseEntity({ context }: EraseWorld, entity: string, effect?: (name: string) => void) {
  const asked = { entityIds: [entity], receipts: [], reason: 'asked for', requestedBy: 'tester' };
  const { erasureId } = await beginErasure(context, asked);
  return runErasure(context, erasureId, effect);
}

/** All faults that verify finds. */
export async function faultsOf({ context }: EraseWorld): Promise<VerifyPage['faults']> {
  const faults: VerifyPage['faults'] = [];
  let cursor: string | null = null;
  do {
    const page: VerifyPage = await verify(context, cursor);
    faults.push(...page.faults);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return faults;
}

/** Every file below a folder, with its bytes. */
export function filesBelow(dir: string): { readonly path: string; readonly bytes: Buffer }[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, bytes: readFileSync(path) }));
}
