import { printable, tableText } from '@pik/render';
import { counted, durationText, type EventView, timelineQuestion } from '@pik/schema';
import { writeOut } from '../output.ts';
import { investigator } from '../session.ts';
import { type AskOptions, flagsWithout, givenOf } from './question.ts';

/** The fields of `pik events`, which reads all pages. */
export const EVENTS_FIELDS = flagsWithout(timelineQuestion.fields, 'include', 'limit', 'cursor');

/** Lists the events of an entity; with `--json` as NDJSON with their received text. True if there are any. */
export async function events(options: AskOptions): Promise<boolean> {
  const selection = givenOf({ fields: EVENTS_FIELDS }, options);
  const ask = investigator(options);
  if (options.json) {
    let count = 0;
    for await (const event of ask.readEvents(selection)) {
      writeOut(`${JSON.stringify(event)}\n`);
      count += 1;
    }
    return count > 0;
  }
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
