import { SCOPES } from '@pik/schema';
import { createMemoryBackend } from '@pik/testkit';
import { captureLines, keyOf, setupOver } from '@pik/testkit/fixtures/functions/functions';
import { invocation, toEvent } from '@pik/testkit/fixtures/functions/gateway';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { open } from '../src/investigate.ts';

let captured: ReturnType<typeof captureLines>;
beforeEach(() => {
  captured = captureLines();
});
afterEach(() => captured.stop());

it('a question without a partial answer is refused before its function times out', async () => {
  const backend = createMemoryBackend();
  // A listing that never ends.
  const listSlices = async () => ({ items: [], next: 'more' });
  const investigate = await open(setupOver({ ...backend, index: { ...backend.index, listSlices } }));
  const headers = { authorization: `Bearer ${keyOf([...SCOPES])}` };
  const event = await toEvent(new Request('https://api.test/reports/lag', { headers }), { now: () => Date.now() });
  // A hundredth of a second before the last moment at which an answer is in time.
  const { statusCode, body = '' } = await investigate(event, invocation('investigate', 1_010));
  expect([statusCode, JSON.parse(body)]).toEqual([422, expect.objectContaining({ code: 'BUDGET_EXCEEDED' })]);
});
