import { grouped } from '@pik/render';
import { type AggregateVersion, durationText } from '@pik/schema';
import type { Investigator, ReplayPlan } from '@pik/sdk/investigator';

import { heading, printFacts, printTable, say, toSecond } from './render.ts';

const METRIC = 'earthquakes';

/** A day in UTC, with the number of earthquakes known at its end and known now. */
interface DayCount {
  readonly day: string;
  readonly start: string;
  /** The first instant after the day. */
  readonly end: string;
  readonly atEnd: number;
  readonly now: number;
}

/** Shows what was known of a day and when, down to the event that came last. */
export async function showWhatChanged(investigator: Investigator): Promise<void> {
  const changed = await showDays(investigator);
  if (changed === null) {
    say('Here no earthquake came after the end of its day; with a larger --limit some do.');
    return;
  }
  await showReplayAtEnd(investigator, changed);
  await showReplayNow(investigator, changed);
  const lastId = await showLaterOnes(investigator, changed);
  await showLast(investigator, changed, lastId);
}

/** Counts each day twice; returns the day that changed most, null if none did. */
async function showDays(investigator: Investigator): Promise<DayCount | null> {
  heading('5. How many earthquakes were there each day? That depends on when you ask');
  const { groups } = await investigator.lag({ include_imported: true, event_type: 'quake.reported', by: ['day'] });
  const days = groups.flatMap(({ group }) => group.day ?? []).sort();
  const counts = await Promise.all(days.map((day) => countDay(investigator, day)));
  printTable(
    ['day (UTC)', 'known at its end', 'known now', 'came later'],
    counts.map(({ day, atEnd, now }) => [day, atEnd, now, now - atEnd]),
  );
  const [most] = counts.toSorted((a, b) => b.now - b.atEnd - (a.now - a.atEnd));
  return most === undefined || most.now === most.atEnd ? null : most;
}

async function countDay(investigator: Investigator, day: string): Promise<DayCount> {
  const start = `${day}T00:00:00Z`;
  const end = `${new Date(Date.parse(start) + 86_400_000).toISOString().slice(0, 10)}T00:00:00Z`;
  const count = async (as_of?: string) => {
    const { value } = await investigator.computeAggregate({ metric: METRIC, key: 'all', window_start: day, as_of });
    return value as number;
  };
  return { day, start, end, atEnd: await count(end), now: await count() };
}

async function showReplayAtEnd(investigator: Investigator, day: DayCount): Promise<void> {
  heading(`6. The count of ${day.day} as known at its end is stored: the day is replayed as of then`);
  say('A replay sends stored events again; the processor stores the value that it computes from them as a version.');
  const plan = await planDay(investigator, day, day.end);
  printPlan(plan);
  await applyAndTell(plan, 'as known at the end of the day');
}

async function showReplayNow(investigator: Investigator, day: DayCount): Promise<void> {
  heading('7. The same day is replayed as of now');
  say('History before:');
  printHistory(await readHistory(investigator, day));
  const plan = await planDay(investigator, day);
  printPlan(plan);
  await applyAndTell(plan, 'earthquakes that came later');
  say('History after:');
  printHistory(await readHistory(investigator, day));
}

function planDay(investigator: Investigator, { start, end }: DayCount, as_of?: string): Promise<ReplayPlan> {
  return investigator.planReplay({ start_time: start, end_time: end, metrics: [METRIC], as_of });
}

function printPlan({ as_of, would_send, messages, already_processed, windows: [window] }: ReplayPlan): void {
  const current = window?.current ?? null;
  say('Plan, with nothing sent yet:');
  printFacts([
    ['as of', toSecond(as_of)],
    ['events to send', `${grouped(would_send)}, in ${messages} messages`],
    ['already in the latest version', already_processed],
    ['latest version', current === null ? 'none yet' : `${current.version}, with the value ${current.value}`],
    ['predicted value', String(window?.predicted?.value ?? 'none')],
  ]);
}

/** Carries out the plan; the server refuses if an event or a version has arrived since. */
async function applyAndTell(plan: ReplayPlan, reason: string): Promise<void> {
  const { sent, windows } = await plan.apply({ reason }).processed();
  say(`Done: ${grouped(sent)} events were sent, and ${windows.changed} window has a new version.`);
}

async function readHistory(investigator: Investigator, { day }: DayCount): Promise<AggregateVersion[]> {
  const versions: AggregateVersion[] = [];
  for await (const version of investigator.getAggregateHistory({ metric: METRIC, key: 'all', window_start: day }))
    versions.push(version);
  return versions;
}

function printHistory(versions: readonly AggregateVersion[]): void {
  printTable(
    ['version', 'earthquakes', 'as of', 'hash of its inputs'],
    versions.map((v) => [v.version, v.value as number, toSecond(v.as_of), `${v.inputs_hash.slice(0, 16)}…`]),
  );
}

/** An earthquake that came after the end of its day. */
interface LaterQuake {
  readonly event_id: string;
  readonly network: string;
  readonly lag_ms: number;
  readonly text: string;
}

/** Shows the late earthquakes by network; returns the id of the last event. */
async function showLaterOnes(investigator: Investigator, day: DayCount): Promise<string> {
  heading(
    `8. Where does the difference of ${grouped(day.now - day.atEnd)} come from? By network: known at the day's end, and later`,
  );
  const { later, inTime } = await partEvents(investigator, day);
  const networks = [...Map.groupBy(later, ({ network }) => network)].sort(([, a], [, b]) => b.length - a.length);
  printTable(
    ['network', 'then', 'later', 'the last of these', 'lag'],
    networks.map(([network, quakes]) => {
      const [last] = quakes as [LaterQuake, ...LaterQuake[]];
      return [network, inTime.get(network) ?? 0, quakes.length, last.text, durationText(last.lag_ms)];
    }),
  );
  return later[0]?.event_id ?? '';
}

/**
 * The events of a day that came after it, those with the largest lag first, and how many of each network were in time.
 */
async function partEvents(investigator: Investigator, day: DayCount) {
  const later: LaterQuake[] = [];
  const inTime = new Map<string, number>();
  for await (const event of investigator.readEvents({ start_time: day.start, end_time: day.end })) {
    const { event_id, source: network, lag_ms } = event;
    if (Date.parse(event.received_at) <= Date.parse(day.end)) {
      inTime.set(network, (inTime.get(network) ?? 0) + 1);
      continue;
    }
    const { mag, place } = (JSON.parse(event.body) as { payload: { mag: number; place: string } }).payload;
    later.push({ event_id, network, lag_ms, text: `M ${mag.toFixed(1)} near ${place.replace(/^.* of /, '')}` });
  }
  return { later: later.sort((a, b) => b.lag_ms - a.lag_ms), inTime };
}

async function showLast(investigator: Investigator, day: DayCount, eventId: string): Promise<void> {
  heading('9. What happened to the last of these? Its story now names versions and replays');
  const { summary, versions, replays } = await investigator.explainEvent(eventId);
  const history = await readHistory(investigator, day);
  const isIn = ({ version }: AggregateVersion) => versions.some((with_it) => with_it.version === version);
  say(summary);
  printFacts([
    ...history.map(
      (v) =>
        [`version ${v.version}: ${v.value}`, `${isIn(v) ? 'with' : 'without'} it, as of ${toSecond(v.as_of)}`] as const,
    ),
    ...replays.flatMap((r) => [['sent by replay', r.replay_id] as const, ['its reason', r.reason ?? 'none'] as const]),
  ]);
}
