import { printable, tableText } from '@pik/render';
import { counted, durationText, type EventView, timelineQuestion } from '@pik/schema';
import { formOf, printRows } from '../forms/forms.ts';
import { writeOut } from '../output.ts';
import { investigator } from '../session.ts';
import { type AskOptions, flagsWithout, givenOf } from './question.ts';

/** The fields of `pik events`, which reads all pages. */
export const EVENTS_FIELDS = flagsWithout(timelineQuestion.fields, 'include', 'limit', 'cursor');

/** Lists the events of an entity; for programs with their received text, with `--json` as NDJSON. True if there are any. */
export async function events(options: AskOptions): Promise<boolean> {
  const selection = givenOf({ fields: EVENTS_FIELDS }, options);
  const ask = investigator(options);
  const form = options.json === true ? 'ndjson' : formOf(options);
  if (form !== 'table') return printEvents(form, ask.readEvents(selection));
  const found: EventView[] = [];
  for await (const event of ask.readTimeline(selection)) found.push(event);
  if (found.length === 0) {
    const { empty = '' } = await ask.timelinePage({ ...selection, limit: 1 });
    writeOut(`No events. ${printable(empty)} \`pik explain --entity … --time …\` shows events nearby.\n`);
    return false;
  }
  const rows = found.map((e) => [
    e.event_time,
    e.event_type,
    e.source,
    durationText(e.lag_ms),
    e.flags.join(' '),
    e.event_id,
  ]);
  writeOut(
    `${tableText(['event time', 'type', 'source', 'lag', 'flags', 'event id'], rows)}\n${counted(found.length, 'event')}\n`,
  );
  return true;
}

/** Prints events for programs: as lines when they are read, otherwise when all are there. True if there are any. */
async function printEvents(form: 'json' | 'ndjson' | 'csv', events: AsyncIterable<object>): Promise<boolean> {
  const all: object[] = [];
  let count = 0;
  for await (const event of events) {
    count += 1;
    if (form === 'ndjson') printRows(form, [event]);
    else all.push(event);
  }
  if (form !== 'ndjson') printRows(form, all);
  return count > 0;
}
