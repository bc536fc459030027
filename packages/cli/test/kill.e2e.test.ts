import { createPipeline } from '@pik/engine';
import { openLocalBackend } from '@pik/engine/local';
import { kills } from '@pik/testkit/budget';
import { expectInvariants, receivedText, snapshot } from '@pik/testkit/fixtures/engine/world';
import { expect, test } from 'vitest';
import { serve, temporaryDir } from './served.ts';

// The server is killed without warning while several clients send, started again over the same directory, and so on. No
// client repeats a request: every answer it got must hold. Each life answers before it is killed; chance decides how long
// after, so the test prints how many kills hit between the append of a pack and its admission.

const KILLS = kills(200);
const CLIENTS = 6;

interface Answered {
  readonly text: string;
  readonly status: string;
  readonly raw_key: string;
  readonly line: number;
  readonly event_id: string | null;
}

let sent = 0;

function makeRecords(): string[] {
  return Array.from({ length: 8 }, (_, i) => {
    sent += 1;
    // One record in four repeats an earlier event, one in sixteen cannot be parsed.
    if (i === 7 && sent % 2 === 0) return `{"source":"kill","broken":${sent}}`;
    const n = i % 4 === 3 ? Math.floor(sent / 2) : sent;
    return JSON.stringify({
      source: 'kill',
      event_type: 't',
      entity_id: `e${n % 50}`,
      event_time: '2025-12-28T00:00:00Z',
      payload: { n, fill: 'x'.repeat(100) },
    });
  });
}

async function load(url: string, isOver: () => boolean, onAnswer: (answered: Answered[]) => void): Promise<void> {
  while (!isOver()) {
    const records = makeRecords();
    try {
      const response = await fetch(`${url}/ingest`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: records.join('\n'),
      });
      if (response.status !== 200) continue;
      const { results } = (await response.json()) as { results: Omit<Answered, 'text'>[] };
      onAnswer(results.map((result, i) => ({ ...result, text: records[i] as string })));
    } catch {
      return;
    }
  }
}

test(`G1, G21: after ${KILLS} kills under load every acknowledged receipt is there, receipts equal rows, and a second sweep changes nothing`, async () => {
  const dir = temporaryDir();
  const answered: Answered[] = [];
  let betweenPackAndIndex = 0;
  for (let kill = 0; kill <= KILLS; kill++) {
    const server = await serve(dir);
    if (/"event":"sweep"/.test(server.stderr())) betweenPackAndIndex += 1;
    let over = kill === KILLS;
    const first = Promise.withResolvers<void>();
    const note = (answers: Answered[]) => {
      answered.push(...answers);
      first.resolve();
    };
    const clients = Array.from({ length: CLIENTS }, () => load(server.url, () => over, note));
    if (!over) {
      await first.promise;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
    }
    over = true;
    server.child.kill(kill === KILLS ? 'SIGTERM' : 'SIGKILL');
    await Promise.all([server.ended, ...clients]);
  }
  console.log(
    `${KILLS} kills, ${answered.length} receipts acknowledged, ${betweenPackAndIndex} kills hit between pack and index`,
  );
  expect(answered.length).toBeGreaterThanOrEqual(KILLS);

  const backend = await openLocalBackend({ dir });
  const pipeline = createPipeline({ backend });
  await expectInvariants(backend);
  const before = await snapshot(backend);
  expect(await pipeline.sweep({ minAgeMs: 0, lookBackMs: 86_400_000 })).toMatchObject({
    packs_admitted: 0,
    packs_pending: 0,
  });
  expect(await snapshot(backend)).toEqual(before);
  const events = new Set(before.addresses.map(({ event_id }) => event_id));
  for (const item of answered) expect(await receivedText(backend, item)).toBe(item.text);
  for (const { event_id, status } of answered) if (status !== 'REJECTED') expect(events.has(event_id ?? '')).toBe(true);
  await pipeline.close();
});
