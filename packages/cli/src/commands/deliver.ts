import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { printable, tableText } from '@pik/render';
import { counted, KitError, type RawEvent } from '@pik/schema';

import { type DeliveryRecord, Journal, type Outcome } from '../deliver/journal.ts';
import { openTarget } from '../deliver/open-target.ts';
import { BY_TIME, outgoing, type Prepared, type Transform } from '../deliver/outgoing.ts';
import { createPace } from '../deliver/pace.ts';
import { sendAll } from '../deliver/send-all.ts';
import { sorted } from '../files/sorted.ts';
import { loadModule } from '../load-module.ts';
import { writeErr } from '../output.ts';
import { type GlobalOptions, investigator, print } from '../session.ts';
import { stopSignal } from '../stop-signal.ts';
import { absolute, type RangeOptions, startOf } from '../times.ts';

/** Options of `pik deliver`. */
export interface DeliverOptions extends GlobalOptions, RangeOptions {
  readonly to?: string | undefined;
  readonly source?: string | undefined;
  readonly type?: string | undefined;
  readonly entity?: string | undefined;
  readonly secretEnv?: string | undefined;
  readonly map?: string | undefined;
  readonly rate: string;
  readonly speed?: string | undefined;
  readonly parallel: string;
  readonly attempts: string;
  readonly journal?: string | undefined;
  readonly resume?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Sends past events to another system, each with its id as the key. True if none has failed. */
export async function deliver(where: string, options: DeliverOptions): Promise<boolean> {
  const transform = options.map === undefined ? null : await loadTransform(options.map);
  const target = await openTarget(where, secretOf(options));
  try {
    const record = recordOf(target.name, { ...options, hash: transform?.hash ?? null });
    if (options.dryRun === true) return await rehearse(record, { options, transform });
    const journal = openJournal(record, options);
    const stop = stopSignal();
    try {
      const events = sorted(prepared(journal.record, { options, transform }), BY_TIME);
      const counts: Record<string, number> = {};
      const onOutcome = ({ outcome, event_id, error }: Outcome) => {
        counts[outcome] = (counts[outcome] ?? 0) + 1;
        if (outcome === 'FAILED') writeErr(`${event_id}: ${printable(error ?? '')}\n`);
      };
      const pace = createPace({ perSecond: positive(options.rate, '--rate'), speed: speedOf(options) });
      const parallel = positive(options.parallel, '--parallel');
      const attemptsMax = positive(options.attempts, '--attempts');
      await sendAll(events, { ...{ target, journal, pace, parallel, attemptsMax, onOutcome }, signal: stop.signal });
      const isStopped = stop.signal.aborted;
      const answer = { replay_id: journal.record.replay_id, target: target.name, stopped: isStopped, outcomes: counts };
      print(options, answer, () => summary(answer));
      return !isStopped && (counts.FAILED ?? 0) + (counts.HELD ?? 0) === 0;
    } finally {
      stop.end();
      journal.close();
    }
  } finally {
    await target.close?.();
  }
}

type Loaded = { readonly transform: Transform; readonly hash: string };

async function loadTransform(file: string): Promise<Loaded> {
  const transform = await loadModule(file);
  if (typeof transform !== 'function')
    throw new KitError('CONFIG_INVALID', `${file} must export a function by default: (event) => what is sent, or null`);
  return { transform: transform as Transform, hash: createHash('sha256').update(readFileSync(file)).digest('hex') };
}

function secretOf({ secretEnv }: DeliverOptions): string | undefined {
  if (secretEnv === undefined) return undefined;
  const secret = process.env[secretEnv];
  if (secret === undefined || secret === '')
    throw new KitError('CONFIG_INVALID', `the variable ${secretEnv} is not set`);
  return secret;
}

/** The delivery in absolute times, so that its next run sends the same events. */
function recordOf(target: string, options: DeliverOptions & { readonly hash: string | null }): DeliveryRecord {
  const started_at = new Date().toISOString();
  const { entity, source, type, to } = options;
  const range = { start_time: absolute('--from', startOf(options), options), end_time: absolute('--to', to, options) };
  if (
    entity === undefined &&
    (range.start_time === undefined || range.end_time === undefined) &&
    options.resume !== true
  )
    throw new KitError('REQUEST_INVALID', '--from and --to are required without --entity');
  const selected = entity === undefined ? { source, event_type: type } : { entity_id: entity };
  const selection = { ...selected, ...range, as_of: started_at };
  return { replay_id: randomUUID(), target, selection, transform: options.hash, started_at };
}

function openJournal(record: DeliveryRecord, { journal: dir, resume }: DeliverOptions): Journal {
  if (dir === undefined) throw new KitError('REQUEST_INVALID', '--journal names the folder that keeps the outcomes');
  if (resume !== true) return Journal.create(dir, record);
  const journal = Journal.open(dir);
  const { target, transform } = journal.record;
  if (target === record.target && transform === record.transform) return journal;
  journal.close();
  throw new KitError('REQUEST_INVALID', `${dir} belongs to a delivery to ${target}, with another target or transform`);
}

interface Reading {
  readonly options: DeliverOptions;
  readonly transform: Loaded | null;
}

function prepared({ replay_id, selection }: DeliveryRecord, { options, transform }: Reading) {
  const given = Object.fromEntries(Object.entries(selection).filter(([, value]) => value !== undefined));
  const events: AsyncIterable<RawEvent> = investigator(options).readEvents(given as { entity_id: string });
  return outgoing(events, { replay_id, transform: transform?.transform ?? null });
}

/** Shows the target, the number of events and the first three; sends nothing. */
async function rehearse(record: DeliveryRecord, reading: Reading): Promise<boolean> {
  const examples: Prepared[] = [];
  const entities = new Set<string>();
  const counts = { would_send: 0, left_out: 0 };
  for await (const event of sorted(prepared(record, reading), BY_TIME)) {
    if (event.body === null) counts.left_out++;
    else counts.would_send++;
    // Enough to see how many events can be sent in parallel.
    if (entities.size < 100_000) entities.add(event.entity_id);
    if (event.body !== null && examples.length < 3) examples.push(event);
  }
  const answer = { target: record.target, ...counts, entities: entities.size, examples };
  print(reading.options, answer, () =>
    [
      `Nothing was sent. ${counted(counts.would_send, 'event')} of ${counted(entities.size, 'entity', 'entities')} would go to ${record.target}; the transform leaves out ${counts.left_out}.`,
      ...examples.map(
        ({ event_time, event_id, body }) => `${event_time}  ${event_id}\n  ${printable((body ?? '').slice(0, 400))}`,
      ),
    ].join('\n'),
  );
  return true;
}

function summary({
  replay_id,
  target,
  stopped,
  outcomes,
}: {
  replay_id: string;
  target: string;
  stopped: boolean;
  outcomes: object;
}) {
  const rows = Object.entries(outcomes).map(([outcome, count]) => [outcome, String(count)]);
  const first = `Delivery ${replay_id} to ${target}${stopped ? ' was stopped; --resume continues it' : ''}.`;
  return rows.length === 0
    ? `${first} Nothing was left to send.`
    : `${first}\n${tableText(['outcome', 'events'], rows)}`;
}

function positive(text: string, flag: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new KitError('REQUEST_INVALID', `${flag} must be a number above 0`);
  return value;
}

const speedOf = ({ speed }: DeliverOptions) => (speed === undefined ? null : positive(speed, '--speed'));
