import { createMemoryBackend } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import {
  expectInvariants,
  identityOf,
  receivedText,
  recordText,
  type SmallRecord,
  send,
  start,
} from '@pik/testkit/fixtures/engine/world';
import fc from 'fast-check';
import { expect, test } from 'vitest';

// A reference model in a few lines: the first record of an identity is ACCEPTED, an equal one after it DUPLICATE, another
// CONFLICT. Every request history must give exactly its outcomes, in order, within and across requests.

const record = fc.record({
  entity: fc.integer({ min: 1, max: 2 }),
  key: fc.option(fc.integer({ min: 1, max: 2 })),
  minute: fc.integer({ min: 0, max: 1 }),
  value: fc.integer({ min: 1, max: 2 }),
  broken: fc.boolean(),
});
const request = fc.array(record, { minLength: 1, maxLength: 6 });

function modelOutcome(known: Map<string, number>, item: SmallRecord): string {
  if (item.broken) return 'REJECTED';
  const identity = identityOf(item);
  const first = known.get(identity);
  if (first === undefined) {
    known.set(identity, item.value);
    return 'ACCEPTED';
  }
  return first === item.value ? 'DUPLICATE' : 'CONFLICT';
}

test('G2, I10, I12: any history of requests gets the outcomes of the reference model, and every receipt keeps its bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async (history) => {
      const backend = createMemoryBackend();
      const context = start(backend);
      const known = new Map<string, number>();
      for (const records of history) {
        const expected = records.map((item) => modelOutcome(known, item));
        const { results, counts } = await send(context, records);
        expect(results.map(({ status }) => status)).toEqual(expected);
        expect(Object.values(counts).reduce((sum, n) => sum + n, 0)).toBe(records.length);
        for (const [i, result] of results.entries()) {
          expect(await receivedText(backend, result)).toBe(recordText(records[i] as SmallRecord));
        }
      }
      await expectInvariants(backend);
      await backend.close();
    }),
    runs(300),
  );
});

test('G4: of concurrent requests with the same events each event is ACCEPTED exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 32 }),
      fc.array(record, { minLength: 1, maxLength: 4 }),
      async (senders, records) => {
        const backend = createMemoryBackend();
        const context = start(backend);
        const answers = await Promise.all(Array.from({ length: senders }, () => send(context, records)));
        const accepted = new Map<string, number>();
        for (const { results } of answers) {
          for (const { status, event_id } of results) {
            if (status === 'ACCEPTED') accepted.set(event_id as string, (accepted.get(event_id as string) ?? 0) + 1);
          }
        }
        expect(accepted.size).toBe(new Set(records.filter(({ broken }) => !broken).map(identityOf)).size);
        expect([...accepted.values()].every((n) => n === 1)).toBe(true);
        await expectInvariants(backend);
        await backend.close();
      },
    ),
    runs(60),
  );
});
