import { problem } from '@pik/testkit/fixtures/producer/scripted-backend';
import { describe, expect, it } from 'vitest';
import { createInvestigator } from './investigator.ts';

describe('an investigator', () => {
  const answering = (text: string, init: ResponseInit = {}) =>
    createInvestigator({ fetch: async () => new Response(text, init) });
  const drain = async (events: AsyncIterable<unknown>) => {
    let n = 0;
    for await (const _ of events) n += 1;
    return n;
  };

  it('A13: treats an interrupted stream as an error, never as the end', async () => {
    const event = '{"event_id":"x","body":"{}"}\n';
    expect(
      await drain(answering(`${event}{"end":true,"count":1,"next_cursor":null}\n`).readEvents({ entity_id: 'e' })),
    ).toBe(1);
    await expect(drain(answering(event).readEvents({ entity_id: 'e' }))).rejects.toMatchObject({
      code: 'ANSWER_NOT_OURS',
    });
    for (const garbage of ['\n', '<html>\n', `${event}{"end"\n`])
      await expect(drain(answering(garbage).readEvents({ entity_id: 'e' }))).rejects.toMatchObject({
        code: 'ANSWER_NOT_OURS',
      });
    await expect(
      drain(answering(`${event}{"error":{"code":"RAW_MISSING","detail":"gone"}}\n`).readEvents({ entity_id: 'e' })),
    ).rejects.toMatchObject({ code: 'RAW_MISSING' });
  });

  it("tells errors with the backend's code and request, and refuses answers of another form", async () => {
    const refused = createInvestigator({ fetch: async () => problem(422, 'REQUEST_INVALID') });
    await expect(refused.lag()).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining('request r'),
    });
    await expect(
      answering('{"ok":true}', { headers: { 'content-type': 'application/json' } }).lag(),
    ).rejects.toMatchObject({ code: 'ANSWER_NOT_OURS' });
    expect(() => createInvestigator({})).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
