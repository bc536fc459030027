// No model takes part: a fixed plan of tool calls stands in for it. The evaluation shows that the answers suffice for the right cause
// with evidence; how well a model plans is not measured.
import { expect, it } from 'vitest';

import { connectClient, type World } from '../mcp-world.ts';
import { CAUSES, incidents } from './incidents.ts';
import { type Evidence, playPlan } from './plan.ts';

/** Receipts that are too broken to name their source cannot be told apart from broken ones of everyday life. */
const PRECISION_MIN = 0.8;

const LIST = process.env.PIK_LIST === '1';

it('the tools lead to the right cause with evidence for each of 30 incidents', async () => {
  const rows: { name: string; cause: string; named: number; right: number; calls: number; chars: number }[] = [];
  for await (const { name, cause, world, symptom, faulty } of incidents()) {
    const client = await connectClient(world);
    const conclusion = await playPlan(client, symptom);
    const texts = await Promise.all(conclusion.evidence.map((address) => sentText(world, address)));
    const right = texts.filter((text) => faulty.has(text) || faulty.has(keyOf(text)));
    const { calls, chars } = conclusion;
    rows.push({
      name,
      cause: conclusion.cause === cause ? 'right' : conclusion.cause,
      named: texts.length,
      right: right.length,
      calls,
      chars,
    });
    await client.close();
    await world.pipeline.close();
  }
  if (LIST) console.table(rows);
  expect(rows.length).toBe(CAUSES.length * 3);
  const wrong = rows.filter(
    ({ cause, named, right }) => cause !== 'right' || named === 0 || right < PRECISION_MIN * named,
  );
  expect(wrong).toEqual([]);
});

/** The received text of evidence, read from the log and not from an answer to the plan. */
async function sentText({ kit }: World, address: Evidence): Promise<string> {
  const place = 'pack_id' in address ? address : (await kit.ask('event', { event_id: address.event_id })).event;
  if (place === null) return '';
  const { bytes } = await kit.getReceipt({ pack_id: place.pack_id, line: place.line });
  return new TextDecoder().decode(bytes);
}

function keyOf(text: string): string {
  try {
    return JSON.parse(text).idempotency_key ?? '';
  } catch {
    return '';
  }
}
