import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { type IngestBatch, LETTER_OUTCOMES, type OutcomeLetter } from '@pik/schema';
import { createTestClock } from '@pik/testkit';
import { all, expectInvariants, receivedText, snapshot } from '@pik/testkit/fixtures/engine/world';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import { openLocalBackend, openLocalRebuild } from '../../src/backends/local/open.ts';
import type { Backend } from '../../src/ports/backend.ts';
import { createContext } from '../../src/runtime/context.ts';
import { rebuildIndex } from '../../src/verify/rebuild.ts';

// A data directory that version 4 wrote: a pack for each request, a row for each event, keys in SQLite. It is upgraded when it
// is opened, and a rebuild makes the same data and verdicts of its log.

const GOLDEN = join(import.meta.dirname, 'version-4');
const clock = createTestClock(Date.UTC(2026, 0, 6));

/** A request of then, and what was answered. */
interface Answered {
  readonly body: readonly string[];
  readonly mode: 'live' | 'import';
  readonly results: readonly Pick<IngestBatch['results'][number], 'status' | 'event_id' | 'raw_key' | 'line'>[];
}
const ANSWERS = JSON.parse(readFileSync(join(GOLDEN, 'answers.json'), 'utf8')) as readonly Answered[];

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-earlier-'));
  for (const folder of ['raw', 'verdicts']) cpSync(join(GOLDEN, folder), join(dir, folder), { recursive: true });
  for (const file of ['index.db', 'history.db'])
    writeFileSync(join(dir, file), gunzipSync(readFileSync(join(GOLDEN, `${file}.gz`))));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Checks that every receipt is there as it was answered. */
async function expectAnswered(backend: Backend): Promise<void> {
  for (const { body, results } of ANSWERS)
    for (const [i, result] of results.entries()) {
      expect(await receivedText(backend, { raw_key: result.raw_key ?? null, line: result.line ?? null })).toBe(body[i]);
      const packId = /([^/]+)\.ndjson\.gz$/.exec(result.raw_key ?? '')?.[1] ?? '';
      const letter = (await backend.index.getPack(packId))?.outcomes[result.line ?? -1] as OutcomeLetter;
      expect(LETTER_OUTCOMES[letter]).toBe(result.status);
      if (result.event_id != null) expect(await backend.index.getEvent(result.event_id)).not.toBeNull();
    }
  await expectInvariants(backend);
}

/** The content of the index, without the order in which events were numbered. */
async function contentOf(backend: Backend) {
  const { addresses, ...rest } = await snapshot(backend);
  const ids = addresses.filter(({ kind }) => kind === 'EVENT').map(({ event_id }) => event_id);
  const events = await backend.index.getEvents(ids.sort());
  const deliveries = await Promise.all(events.map((event) => event && backend.index.getDeliveries(event)));
  const producers = new Set(events.flatMap((event) => event?.producer_id ?? []));
  const sequences = await Promise.all(
    [...producers].map((id) => all((cursor) => backend.index.listSequences(id, cursor))),
  );
  return { ...rest, events, deliveries, sequences };
}

it('a directory of version 4 is opened, has all that was answered, and recognises its events', async () => {
  const backend = await openLocalBackend({ dir, clock });
  await expectAnswered(backend);
  const pipeline = createPipeline({ backend });
  const repeated = ANSWERS[0]?.body.filter((text) => text.endsWith('}')) ?? [];
  const { results } = await pipeline.ingest({
    body: new TextEncoder().encode(repeated.join('\n')),
    ...{ format: 'ndjson', mode: 'live', receivedMs: clock.now(), requestId: 'r', principal: null, dryRun: false },
  });
  expect(results.map(({ status }) => status)).toEqual(['DUPLICATE', 'DUPLICATE', 'DUPLICATE']);
  expect((await pipeline.verify(null)).faults).toEqual([]);
  await backend.close();
});

it('a rebuild of it gives the same data and verdicts', async () => {
  const upgraded = await openLocalBackend({ dir, clock });
  const before = await contentOf(upgraded);
  await upgraded.close();
  const work = await openLocalRebuild({ dir, clock });
  const summary = await rebuildIndex(createContext({ backend: work.backend }), { answered: work.answered });
  expect(summary).toMatchObject({ differing: [], unreadable: [], unrecorded: 0, packs: ANSWERS.length });
  await work.finish();
  const rebuilt = await openLocalBackend({ dir, clock });
  await expectAnswered(rebuilt);
  expect(await contentOf(rebuilt)).toEqual(before);
  await rebuilt.close();
});
