import { LIMITS } from '@pik/schema';
import { createMemoryBackend, createTestClock, type TestClock } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ReplayQueue } from '../../ports/backend.ts';

// Checks the queue against a model that knows only the state of each message. The model is stricter than the port in three
// ways: times to the millisecond, one message per id, and delivery of every visible message. The order stays open.

interface Waiting {
  readonly body: string;
  readonly sent_ms: number;
  visible_ms: number;
  receives: number;
  /** Null if no consumer holds it; invalid once another delivery has its own. */
  receipt: string | null;
}

interface Dead {
  readonly body: string;
  readonly code: string;
  readonly receives: number;
  readonly sent_ms: number;
  readonly died_ms: number;
}

interface Run {
  readonly queue: ReplayQueue;
  readonly clock: TestClock;
  readonly waiting: Map<string, Waiting>;
  readonly dead: Map<string, Dead>;
  /** Every receipt ever returned. */
  readonly receipts: string[];
}

const ids = fc.constantFrom('a', 'b', 'c');
const span = fc.constantFrom(0, 1, 5, 10);
const pick = fc.nat(30);
const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('send' as const), ids: fc.array(ids, { maxLength: 3 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('receive' as const), max: fc.integer({ min: 1, max: 3 }), ms: span }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('fail' as const), pick, ms: span }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('extend' as const), pick, ms: span }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: span }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('redrive' as const), ids: fc.option(fc.array(ids)) }) },
  // Otherwise few messages would ever reach the maximum number of deliveries.
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wear out' as const), times: fc.nat(6), fail: fc.boolean() }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

test('Q1, Q3, Q4, Q10: any history of a queue is that of its model', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
      const clock = createTestClock(1_000);
      const backend = createMemoryBackend(clock);
      const run: Run = { queue: backend.queue, clock, waiting: new Map(), dead: new Map(), receipts: [] };
      for (const one of commands) {
        await execute(run, one);
        await expectDead(run);
      }
      await backend.close();
    }),
    runs(600),
  );
});

async function execute(run: Run, command: Command): Promise<void> {
  const { queue, clock, waiting, dead, receipts } = run;
  const now = clock.now();
  const receipt = 'pick' in command ? (receipts[command.pick % Math.max(1, receipts.length)] ?? 'none') : '';
  const held = [...waiting].find(([, message]) => message.receipt === receipt);
  switch (command.do) {
    case 'pass':
      clock.ms += command.ms;
      break;
    case 'send':
      await queue.send(command.ids.map((message_id) => ({ message_id, body: `body of ${message_id}` })));
      for (const id of command.ids) put(run, id);
      break;
    case 'receive':
      await receive(run, { max: command.max, visibilityMs: command.ms });
      break;
    case 'extend':
      expect(await queue.extend(receipt, command.ms)).toBe(held !== undefined);
      if (held !== undefined) held[1].visible_ms = now + command.ms;
      break;
    case 'delete':
      await queue.delete(receipt);
      if (held !== undefined) waiting.delete(held[0]);
      break;
    case 'fail': {
      const dies = held !== undefined && held[1].receives >= LIMITS.message_receives_max;
      const end = await queue.fail(receipt, { code: 'FAILED', detail: 'why', delayMs: command.ms });
      expect(end).toBe(held === undefined ? 'LOST' : dies ? 'DEAD' : 'RETRIED');
      if (held === undefined) break;
      if (dies) bury(run, held[0], 'FAILED');
      else Object.assign(held[1], { visible_ms: now + command.ms, receipt: null });
      break;
    }
    case 'wear out':
      for (let i = 0; i < command.times; i++) {
        await execute(run, { do: 'receive', max: 2, ms: 1 });
        await execute(run, command.fail ? { do: 'fail', pick: receipts.length - 1, ms: 0 } : { do: 'pass', ms: 1 });
      }
      break;
    case 'redrive': {
      const wanted = (command.ids ?? [...dead.keys()]).filter((id) => dead.has(id));
      expect(await queue.redrive(command.ids ?? undefined)).toBe(new Set(wanted).size);
      for (const id of wanted) put(run, id);
    }
  }
}

/** A waiting message stays as it is; a dead or missing one starts over. */
function put({ clock, waiting, dead }: Run, id: string): void {
  if (waiting.has(id)) return;
  dead.delete(id);
  const now = clock.now();
  waiting.set(id, { body: `body of ${id}`, sent_ms: now, visible_ms: now, receives: 0, receipt: null });
}

function bury({ clock, waiting, dead }: Run, id: string, code: string): void {
  const { body, receives, sent_ms } = waiting.get(id) as Waiting;
  waiting.delete(id);
  dead.set(id, { body, code, receives, sent_ms, died_ms: clock.now() });
}

async function receive(run: Run, options: { max: number; visibilityMs: number }): Promise<void> {
  const { queue, clock, waiting, receipts } = run;
  const visible = [...waiting].filter(([, message]) => message.visible_ms <= clock.now()).map(([id]) => id);
  const taken = await queue.receive(options);
  for (const { message_id, body, receipt, receives } of taken) {
    expect(visible).toContain(message_id);
    const message = waiting.get(message_id) as Waiting;
    expect([body, receives]).toEqual([message.body, message.receives + 1]);
    expect(receives).toBeLessThanOrEqual(LIMITS.message_receives_max);
    Object.assign(message, { receives, receipt, visible_ms: clock.now() + options.visibilityMs });
    receipts.push(receipt);
  }
  const given = taken.map(({ message_id }) => message_id);
  expect(new Set(given).size).toBe(given.length);
  // Messages delivered too often take a slot and are not returned; the queue decides which ones it encountered.
  const { items } = await queue.listDead({ limit: 10 });
  const abandoned = items.map(({ message_id }) => message_id).filter((id) => visible.includes(id));
  for (const id of abandoned) {
    expect(waiting.get(id)?.receives).toBe(LIMITS.message_receives_max);
    bury(run, id, 'MESSAGE_ABANDONED');
  }
  expect(given.length + abandoned.length).toBe(Math.min(options.max, visible.length));
}

async function expectDead({ queue, dead }: Run): Promise<void> {
  const { items } = await queue.listDead({ limit: 10 });
  const found = items.map(({ message_id, detail, ...row }) => [message_id, row] as const);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(dead));
}
