import { createPipeline } from '@pik/engine';
import { readPack } from '@pik/engine/internals';
import { openLocalBackend } from '@pik/engine/local';
import { LETTER_OUTCOMES, type OutcomeLetter, packKey } from '@pik/schema';
import { kills } from '@pik/testkit/budget';
import { expectInvariants, snapshot, start } from '@pik/testkit/fixtures/engine/world';
import { expect, test } from 'vitest';
import { serve, temporaryDir } from './served.ts';

// The server is killed without warning while clients send batches and single events, started again over the same
// directory, and so on. No client repeats a request: every answer it got must hold. Each life answers before it is killed;
// chance decides how long after, so the test prints how many kills hit before the file of a pack, before its index rows,
// and before its answers.

const KILLS = kills(500);
const BATCH_CLIENTS = 4;
const SINGLE_CLIENTS = 16;

interface Answered {
  readonly text: string;
  readonly status: string;
  readonly raw_key: string;
  readonly line: number;
  readonly event_id: string | null;
}

/** The requests of one life of the server. */
interface Life {
  readonly answered: Answered[];
  /** The first records of requests without an answer. */
  readonly open: Set<string>;
  /** Packs that the next life found without a PACK row. */
  swept: number;
}

let sent = 0;

function makeRecord(): string {
  sent += 1;
  // One record in four repeats an earlier event, one in sixteen cannot be parsed.
  if (sent % 16 === 7) return `{"source":"kill","broken":${sent}}`;
  const n = sent % 4 === 3 ? Math.floor(sent / 2) : sent;
  return JSON.stringify({
    source: 'kill',
    event_type: 't',
    entity_id: `e${n % 50}`,
    event_time: '2025-12-28T00:00:00Z',
    // Different in every receipt, and not a part of the identity.
    request_id: `record ${sent}`,
    payload: { n, fill: 'x'.repeat(100) },
  });
}

async function load(
  url: string,
  { records, isOver, life }: { records: number; isOver: () => boolean; life: Life },
  onAnswer: () => void,
): Promise<void> {
  while (!isOver()) {
    const texts = Array.from({ length: records }, makeRecord);
    const [first = ''] = texts;
    life.open.add(first);
    try {
      const response = await fetch(`${url}/ingest`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: texts.join('\n'),
      });
      const { results } = (await response.json()) as { results: Omit<Answered, 'text'>[] };
      if (response.status !== 200) continue;
      life.answered.push(...results.map((result, i) => ({ ...result, text: texts[i] as string })));
      life.open.delete(first);
      onAnswer();
    } catch {
      return;
    }
  }
}

/** Runs the server under load until it is killed, or ended in the last life. */
async function live(dir: string, lives: Life[], isLast: boolean): Promise<Life> {
  const server = await serve(dir);
  const before = lives.at(-1);
  if (before !== undefined) before.swept = Number(/"packs_admitted":(\d+)/.exec(server.stderr())?.[1] ?? 0);
  const life: Life = { answered: [], open: new Set(), swept: 0 };
  let over = isLast;
  const first = Promise.withResolvers<void>();
  const clients = [BATCH_CLIENTS, SINGLE_CLIENTS].flatMap((count, kind) =>
    Array.from({ length: count }, () =>
      load(server.url, { records: kind === 0 ? 8 : 1, isOver: () => over, life }, first.resolve),
    ),
  );
  if (!isLast) {
    await first.promise;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
  }
  over = true;
  server.child.kill(isLast ? 'SIGTERM' : 'SIGKILL');
  await Promise.all([server.ended, ...clients]);
  return life;
}

/** The texts of all stored receipts by pack, in order of line. */
async function readLog(backend: Awaited<ReturnType<typeof openLocalBackend>>): Promise<Map<string, string[]>> {
  const context = start(backend);
  const log = new Map<string, string[]>();
  for (const { pack_id } of (await snapshot(backend)).packs)
    log.set(
      pack_id,
      (await readPack(context, pack_id)).map(({ body = '' }) => body),
    );
  return log;
}

/** Counts how far the packs of unanswered requests were when their server was killed. */
function countKills(lives: readonly Life[], log: ReadonlyMap<string, readonly string[]>) {
  const packOf = new Map([...log].flatMap(([packId, texts]) => texts.map((text) => [text, packId] as const)));
  const counts = { beforeFile: 0, beforeIndex: 0, beforeAnswer: 0 };
  for (const { open, swept } of lives) {
    const packs = new Set([...open].flatMap((text) => packOf.get(text) ?? []));
    if ([...open].some((text) => !packOf.has(text))) counts.beforeFile += 1;
    if (swept > 0) counts.beforeIndex += 1;
    if (packs.size > swept) counts.beforeAnswer += 1;
  }
  return counts;
}

test(`G1, G21: after ${KILLS} kills under load every acknowledged receipt is there, receipts equal rows, and a second sweep changes nothing`, async () => {
  const dir = temporaryDir();
  const lives: Life[] = [];
  for (let kill = 0; kill <= KILLS; kill++) lives.push(await live(dir, lives, kill === KILLS));
  const backend = await openLocalBackend({ dir });
  const log = await readLog(backend);
  const answered = lives.flatMap((life) => life.answered);
  const { packs, addresses } = await snapshot(backend);
  const { beforeFile, beforeIndex, beforeAnswer } = countKills(lives.slice(0, -1), log);
  console.log(
    `${KILLS} kills, ${answered.length} receipts acknowledged, ${packs.length} packs of ${packs.reduce((sum, { requests }) => sum + requests.length, 0)} requests; ` +
      `kills before the file of a pack ${beforeFile}, between file and index ${beforeIndex}, between index and answer ${beforeAnswer}`,
  );
  expect(answered.length).toBeGreaterThanOrEqual(KILLS);

  const pipeline = createPipeline({ backend });
  await expectInvariants(backend);
  const before = await snapshot(backend);
  expect(await pipeline.sweep({ minAgeMs: 0, lookBackMs: 86_400_000 })).toMatchObject({
    packs_admitted: 0,
    packs_pending: 0,
  });
  expect(await snapshot(backend)).toEqual(before);
  const events = new Set(addresses.map(({ event_id }) => event_id));
  const byKey = new Map(packs.map((pack) => [packKey(pack.pack_id), pack]));
  for (const { raw_key, line, text, status, event_id } of answered) {
    const pack = byKey.get(raw_key);
    expect(log.get(pack?.pack_id ?? '')?.[line]).toBe(text);
    expect(LETTER_OUTCOMES[pack?.outcomes[line] as OutcomeLetter]).toBe(status);
    if (status !== 'REJECTED') expect(events.has(event_id ?? '')).toBe(true);
  }
  await pipeline.close();
});
