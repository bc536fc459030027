import type { Pipeline } from '@pik/engine';
import type { TestClock } from '../memory-backend.ts';

/** Milliseconds. */
export const HOUR = 3_600_000;
/** The duration of the history. */
export const HOURS = 36;
const PRODUCER = '01890a5d-ac96-774b-bcce-b302099a8057';
const REPLAY = '01890a5d-ac96-774b-bcce-b302099a8050';

/** A request, and the time of its arrival. */
export interface Sent {
  readonly atMs: number;
  readonly records: readonly object[];
  readonly mode: 'live' | 'import';
}

/** A day and a half with all kinds of records: rejected, lost, late, repeated, conflicting and imported ones. */
function requests(startMs: number): Sent[] {
  const time = (hour: number) => new Date(startMs + hour * HOUR + 60_000).toISOString();
  const reading = (hour: number, rest: object = {}) => ({
    source: 'plant',
    event_type: 'meter.read',
    entity_id: 'meter',
    idempotency_key: `k${hour}`,
    event_time: time(hour),
    sent_at: new Date(startMs + hour * HOUR + 90_000).toISOString(),
    producer: { id: PRODUCER, seq: hour + 1 },
    payload: { value: hour, unit: hour % 3 === 0 ? 'kWh' : 'Wh' },
    ...rest,
  });
  const other = (hour: number) => ({
    source: 'plant',
    event_type: 'meter.ping',
    entity_id: `meter${hour % 2}`,
    event_time: time(hour),
    payload: { value: 1 },
  });
  const sent: Sent[] = [];
  const add = (hour: number, records: readonly object[], mode: Sent['mode'] = 'live') =>
    sent.push({ atMs: startMs + hour * HOUR + 180_000 + sent.length, records, mode });
  for (let hour = 0; hour < HOURS; hour++) {
    if (hour === 10) add(hour, [reading(hour, { event_time: 'yesterday' }), other(hour)]);
    else if (hour === 12) add(hour, [other(hour)]);
    else if (hour === 15 || hour === 25) continue;
    else add(hour, [reading(hour), ...(hour % 2 === 0 ? [other(hour)] : [])]);
    if (hour === 20)
      for (let i = 0; i < 4; i++)
        add(
          hour,
          [4, 5, 6, 7, 8, 9].map((old) => reading(old)),
        );
    if (hour === 22) add(hour, [reading(21, { payload: { value: 2_100 } })]);
    if (hour === 30) add(hour, [reading(25, { producer: undefined })]);
  }
  add(HOURS, [reading(12, { received_at: time(13) }), { source: 'plant' }], 'import');
  return sent;
}

/** Sends the request. */
export async function send(pipeline: Pipeline, { atMs, records, mode }: Sent): Promise<void> {
  const body = new TextEncoder().encode(records.map((record) => JSON.stringify(record)).join('\n'));
  const request = { format: 'ndjson', receivedMs: atMs, requestId: 'r', principal: 'p', dryRun: false } as const;
  await pipeline.ingest({ body, mode, ...request });
}

/** Replays a day, so that its value has a version with a manifest. */
async function replay(pipeline: Pipeline, { startMs, passed }: { startMs: number; passed: () => Promise<void> }) {
  const [start_time, end_time] = [startMs, startMs + 24 * HOUR].map((ms) => new Date(ms).toISOString());
  await pipeline.replay(
    { source: 'plant', start_time: start_time as string, end_time: end_time as string, replay_id: REPLAY },
    { principal: 'p', requestId: 'r' },
  );
  const isDone = async () => {
    const { windows } = await pipeline.getReplay(REPLAY);
    return windows.done === windows.touched;
  };
  while (!(await isDone())) if ((await pipeline.work()) === 'IDLE') await passed();
}

/** The start of the history, and the pipelines that go through it. */
export interface Life {
  readonly startMs: number;
  readonly pipelines: readonly Pipeline[];
  readonly settle: ((passedMs: number) => Promise<void>) | undefined;
}

/** Plays the same history to every pipeline; the clock then stands at its end. */
export async function live(clock: TestClock, { startMs, pipelines, settle }: Life): Promise<void> {
  const sent = requests(startMs);
  // The value of the day is computed before some of its records arrive.
  const early = sent.findIndex(({ atMs }) => atMs > startMs + 24 * HOUR);
  for (const [i, request] of sent.entries()) {
    clock.ms = request.atMs;
    for (const pipeline of pipelines) await send(pipeline, request);
    if (i !== early) continue;
    const passed = async () => settle?.(2_000);
    for (const pipeline of pipelines) await replay(pipeline, { startMs, passed });
  }
  clock.ms = startMs + (HOURS + 1) * HOUR;
}
