import { OUTCOME_LETTERS, type VerifyPage } from '@pik/schema';

import { holds } from './history.ts';
import { readLog, type StoredReceipt } from './log-oracle.ts';
import type { Acknowledged, Life, SettledValue } from './senders.ts';
import type { Running } from './server.ts';

// Promises that hold once faults have stopped and the sweeper has run. They read the log without the kit, and derive the
// expected outcomes of its receipts from the texts that were sent.

/** Checks everything about receipts and their outcomes. */
export async function checkReceipts(life: Life, running: Running): Promise<void> {
  const log = readLog(life.world.disk);
  const letters = await lettersOf(running, log);
  checkLog(life, log);
  for (const one of life.acknowledged) await checkKept(running, one, { log, letters });
  checkOutcomes(life, log, letters);
  await checkEvents(life, running, log);
}

/** Every text in the log is one that was sent. */
function checkLog({ sent }: Life, log: Log): void {
  for (const receipts of log.values())
    for (const { text } of receipts) holds('bytes', sent.has(text), () => `nobody sent ${text}`);
}

type Log = ReadonlyMap<string, readonly StoredReceipt[]>;
type Letters = ReadonlyMap<string, string>;

async function lettersOf({ backend }: Running, log: Log): Promise<Map<string, string>> {
  const letters = new Map<string, string>();
  for (const [pack, receipts] of log) {
    const row = await backend.index.getPack(pack);
    holds('converged', row !== null, () => `after a sweep the pack ${pack} has no row`);
    holds('converged', row.outcomes.length === receipts.length, () => `${pack} has outcomes ${row.outcomes}`);
    letters.set(pack, row.outcomes);
  }
  return letters;
}

/** An acknowledged receipt is in the log, byte for byte, with the outcome that was answered, and can be found by its id. */
async function checkKept(
  { backend }: Running,
  { record, status, rawKey, line, eventId, isImported }: Acknowledged,
  { log, letters }: { log: Log; letters: Letters },
): Promise<void> {
  const pack = /([^/]+)\.ndjson\.gz$/.exec(rawKey)?.[1] ?? '';
  const stored = log.get(pack)?.[line];
  holds('kept', stored !== undefined, () => `${status} ${record.text} is not at ${rawKey} line ${line}`);
  if (!isImported) holds('bytes', stored.text === record.text, () => `${record.text} is stored as ${stored.text}`);
  const letter = letters.get(pack)?.[line];
  const said = OUTCOME_LETTERS[status as keyof typeof OUTCOME_LETTERS];
  holds('truthful', letter === said, () => `${record.text} was answered ${status}, its row says ${letter}`);
  if (eventId === null) return;
  const row = await backend.index.getEvent(eventId);
  holds('found', row !== null, () => `${status} ${record.text} has no event ${eventId}`);
  const first = log.get(row.pack_id)?.[row.line];
  holds('found', first !== undefined, () => `the event of ${record.text} names a receipt that is not there`);
}

/** For each identity, one receipt is new; the others are repeats if their content is equal, otherwise conflicts. */
function checkOutcomes({ sent, features }: Life, log: Log, letters: Letters): void {
  const groups = new Map<string, { letter: string; content: string; text: string }[]>();
  for (const [pack, receipts] of log) {
    for (const { text, line } of receipts) {
      const record = sent.get(text);
      const letter = letters.get(pack)?.[line] ?? '?';
      if (record === undefined) continue;
      const { identity, content } = record;
      holds('outcomes', (identity === null) === (letter === 'R'), () => `${text} has the outcome ${letter}`);
      if (identity === null) continue;
      const group = groups.get(identity) ?? [];
      group.push({ letter, content, text });
      groups.set(identity, group);
    }
  }
  for (const [identity, group] of groups) {
    const first = group.filter(({ letter }) => letter === 'A');
    const said = () => `${identity}: ${group.map(({ letter, content }) => `${letter}${content}`).join(' ')}`;
    holds('outcomes', first.length >= 1, said);
    if (features.imports) {
      for (const one of group) {
        const others = group.filter((other) => other !== one);
        if (one.letter === 'D')
          holds(
            'outcomes',
            others.some(({ content }) => content === one.content),
            said,
          );
        if (one.letter === 'C')
          holds(
            'outcomes',
            others.some(({ content }) => content !== one.content),
            said,
          );
      }
      continue;
    }
    holds('outcomes', first.length === 1, said);
    for (const { letter, content } of group)
      if (letter !== 'A') holds('outcomes', letter === (content === first[0]?.content ? 'D' : 'C'), said);
  }
}

/** The timelines hold each event once and no others; reports count the events of the log. */
async function checkEvents(life: Life, running: Running, log: Log): Promise<void> {
  const expected = new Map<string, Set<string>>();
  let receipts = 0;
  for (const { text } of [...log.values()].flat()) {
    const record = life.sent.get(text);
    if (record === undefined || record.identity === null) continue;
    receipts += 1;
    const events = expected.get(record.entity) ?? new Set();
    events.add(record.identity);
    expected.set(record.entity, events);
  }
  let events = 0;
  for (const [entity, identities] of expected) {
    const found = await timelineOf(running, entity);
    events += identities.size;
    holds('timeline', new Set(found).size === found.length, () => `${entity} has an event twice: ${found.join(' ')}`);
    holds('timeline', found.length === identities.size, () => `${entity} has ${found.length} of ${identities.size}`);
  }
  await checkReport(running, { receipts, events });
}

async function checkReport({ pipeline }: Running, { receipts, events }: { receipts: number; events: number }) {
  const report = await pipeline.ask('duplicates', {
    start_time: '2025-01-01T00:00:00Z',
    end_time: '2027-01-01T00:00:00Z',
    include_imported: true,
    group_by: 'source',
  } as never);
  const figures = report.total;
  if (receipts === 0) return;
  const said = () =>
    `a report counts ${figures?.receipts} receipts of ${figures?.events} events, not ${receipts} of ${events}`;
  holds('report', figures?.receipts === receipts && figures.events === events, said);
}

async function timelineOf({ pipeline }: Running, entity: string): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof pipeline.timeline>> = await pipeline.timeline({
      ...{ entity_id: entity, start_time: null, end_time: null, asOfMs: null, limit: 2, cursor },
    });
    for (const { event_id } of page.events) found.push(event_id);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

/** The number of events of an entity on the day of most records, as of a time. */
export function dailyValue({ pipeline }: Running, { entity, asOfMs }: Pick<SettledValue, 'entity' | 'asOfMs'>) {
  const window_start = '2026-01-01T00:00:00Z';
  return pipeline.computeAggregate({ metric: 'daily_event_count', key: entity, window_start, asOfMs });
}

/** A value that was reported as final has not changed. */
export async function checkValues({ values, features, world }: Life, running: Running): Promise<void> {
  // A receipt that a crash left behind enters with the next sweep.
  if (world.deaths > 0) return;
  // An import may claim any receive time, and a sweep of young packs abandons unfinished ones.
  if (features.imports || features['young-sweeps'] || features['clock-back'] || features['clock-ahead']) return;
  for (const one of values) {
    const { value } = await dailyValue(running, one);
    const at = new Date(one.asOfMs).toISOString();
    holds('final', value === one.value, () => `${one.entity} as of ${at} was ${one.value}, and is ${value}`);
  }
}

/** `pik verify` finds no fault; returns its digest. */
export async function checkVerify({ pipeline }: Running): Promise<string> {
  let cursor: string | null = null;
  let digest = '';
  do {
    const page: VerifyPage = await pipeline.verify(cursor);
    const [fault] = page.faults;
    holds('verify', fault === undefined, () => `verify reports ${fault?.code}: ${fault?.text}`);
    cursor = page.next_cursor;
    digest = page.digest;
  } while (cursor !== null);
  return digest;
}
