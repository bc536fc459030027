import type { IngestAnswer } from '@pik/engine';
import { KitError } from '@pik/schema';

import type { Features } from './features.ts';
import { Broken } from './history.ts';
import { drawRecord, type SentRecord } from './records.ts';
import { isMendable, type Server } from './server.ts';
import type { Process, World } from './world.ts';

/** The answer to one record of a sender. */
export interface Acknowledged {
  readonly record: SentRecord;
  readonly status: IngestAnswer['results'][number]['status'];
  readonly rawKey: string;
  readonly line: number;
  readonly eventId: string | null;
  readonly isImported: boolean;
}

/** A value as of a time, which later receipts must not change. */
export interface SettledValue {
  readonly entity: string;
  readonly asOfMs: number;
  readonly value: unknown;
}

/** State that the parts of a history share. */
export interface Life {
  readonly world: World;
  readonly server: Server;
  readonly features: Features;
  readonly acknowledged: Acknowledged[];
  /** Every text that was ever sent, and the identity that it has. */
  readonly sent: Map<string, SentRecord>;
  /** Values that were reported as final. */
  readonly values: SettledValue[];
  /** Requests on their way. */
  inFlight: number;
  /** Losses of power, and outcomes that could not be written to the journal. */
  readonly losses: { power: number; journal: number };
}

const TRIES_MAX = 12;
/** Imports claim times near this one, which lies before every time that a clock of the world shows. */
const CLAIMED_MS = Date.UTC(2025, 11, 31);
/** Requests of one sender. */
const REQUESTS_MAX = 4;

/** A sender: a few requests, one after another, each repeated until it is answered or given up. */
export async function sendRequests(life: Life, name: string): Promise<void> {
  const { world, features } = life;
  const self = world.process(name);
  const count = 1 + world.tape.choose('requests', REQUESTS_MAX);
  for (let i = 0; i < count; i++) {
    await world.post(self, 'send', () => {});
    if (life.inFlight === 0) passTime(life);
    const size = 1 + (features.batches ? world.tape.choose('records', 4) : 0);
    const records = Array.from({ length: size }, () => drawRecord(world, traits(features)));
    const isImported = features.imports && world.tape.chance('import', 3);
    await sendUntilAnswered(life, self, { records, isImported });
  }
}

function traits(features: Features) {
  return { hasKeys: features.keys, hasRejects: features.rejects, hasDays: features.days };
}

const PAUSES = [0, 1_000, 61_000, 20 * 60_000, 70 * 60_000] as const;

/** While no request is on its way, time may pass and clocks may be set. */
function passTime({ world, features }: Life): void {
  const { tape } = world;
  if (features['time-passes']) world.pass(tape.pick('pause', PAUSES));
  if (features['clock-back'] && tape.chance('clock-back', 3)) world.nowMs -= tape.pick('back', [3_600_000, 11_000]);
  if (features['clock-ahead'] && tape.chance('clock-ahead', 3)) world.nowMs += tape.pick('ahead', [3_600_000, 11_000]);
}

interface Sending {
  readonly records: readonly SentRecord[];
  readonly isImported: boolean;
}

async function sendUntilAnswered(life: Life, self: Process, sending: Sending): Promise<void> {
  const { world, features } = life;
  for (const record of sending.records) life.sent.set(record.text, record);
  const claimedMs = CLAIMED_MS + (sending.isImported ? world.tape.choose('claim', 3) : 0);
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const answer = await sendOnce(life, sending, claimedMs);
    const isLost = features['lost-answers'] && world.tape.chance('lost', 4);
    if (answer !== null && !isLost) {
      note(life, sending, answer);
      if (answer.results.every(({ status }) => status !== 'PENDING')) return;
    }
    if (features['giving-up'] && world.tape.chance('give-up', 3)) return;
    await world.post(self, 'wait', () => {});
    await life.server.revive();
  }
}

/** The answer; null if the server died or asked for another try. */
async function sendOnce(life: Life, { records, isImported }: Sending, claimedMs: number): Promise<IngestAnswer | null> {
  const { world, server } = life;
  const lines = records.map(({ text }) =>
    isImported ? JSON.stringify({ ...JSON.parse(text), received_at: new Date(claimedMs).toISOString() }) : text,
  );
  for (const [i, line] of lines.entries()) life.sent.set(line, records[i] as SentRecord);
  const body = new TextEncoder().encode(lines.join('\n'));
  life.inFlight += 1;
  try {
    return await server.ask('ingest', async ({ pipeline }) => {
      const receivedMs = world.nowMs;
      const done = pipeline.arriving(receivedMs);
      const request = { receivedMs, requestId: `r${world.steps}`, principal: null, dryRun: false } as const;
      return pipeline
        .ingest({ ...request, body, format: 'ndjson', mode: isImported ? 'import' : 'live' })
        .finally(done);
    });
  } catch (error) {
    if (isMendable(error)) return null;
    if (KitError.is(error)) throw new Broken('answers', `a request was refused with ${error.code}: ${error.message}`);
    throw error;
  } finally {
    life.inFlight -= 1;
  }
}

function note(life: Life, { records, isImported }: Sending, answer: IngestAnswer): void {
  if (answer.results.length !== records.length)
    throw new Broken('answers', `${records.length} records have ${answer.results.length} answers`);
  for (const [i, { status, raw_key, line, event_id }] of answer.results.entries()) {
    const record = records[i];
    if (record === undefined || status === 'PENDING') continue;
    if ((record.identity === null) !== (status === 'REJECTED'))
      throw new Broken('answers', `${record.text} was answered ${status}`);
    if (raw_key === null || line === null) throw new Broken('answers', `${status} without an address`);
    life.world.acknowledged += 1;
    life.acknowledged.push({ record, status, rawKey: raw_key, line, eventId: event_id, isImported });
  }
}
