import { durationText, type EventExplanation, KitError } from '@pik/schema';
import type { EventSelection } from '@pik/sdk/investigator';

import { type GlobalOptions, investigator, print } from '../session.ts';
import { percent, printable, shortTime, table, valueText } from '../terminal.ts';

/** Which event: by id, by the fields of its key, or by entity and time. */
export interface ExplainOptions extends GlobalOptions {
  readonly source?: string;
  readonly type?: string;
  readonly entity?: string;
  readonly key?: string;
  readonly time?: string;
  readonly asOf?: string;
}

/** Tells what happened to one event. True when there is such an event. */
export async function explain(eventId: string | undefined, options: ExplainOptions): Promise<boolean> {
  const explanation = await investigator(options).explainEvent(selection(eventId, options), { as_of: options.asOf });
  print(options, explanation, () => explanationText(explanation));
  return explanation.found;
}

function selection(eventId: string | undefined, { source, type, entity, key, time }: ExplainOptions): EventSelection {
  if (eventId !== undefined) return eventId;
  if (entity !== undefined && time !== undefined) return { entity_id: entity, event_time: time };
  if (source !== undefined && type !== undefined && entity !== undefined && key !== undefined) {
    return { source, event_type: type, entity_id: entity, key };
  }
  throw new KitError(
    'REQUEST_INVALID',
    'name an event: EVENT_ID, or --entity with --time, or --source, --type, --entity and --key',
  );
}

/** The story of an event for a person. */
export function explanationText(explanation: EventExplanation): string {
  const { event, bytes, deliveries, findings, lateness } = explanation;
  const lines = [printable(explanation.summary)];
  if (event !== null) {
    const facts: [string, string][] = [
      ['event', event.event_id],
      ['outcome', `${explanation.outcome ?? ''}: ${explanation.rule ?? ''}`],
      ['happened', event.event_time],
      ['received', `${event.received_at} (${durationText(event.lag_ms)} later)`],
      [
        'lateness',
        lateness === null
          ? 'nothing to compare with'
          : `later than ${percent(lateness.later_than_share)} of ${lateness.of_events} events of its series that day`,
      ],
      ['bytes', `${event.raw_key} line ${event.line}: ${bytes?.state ?? ''}`],
      ['flags', event.flags.join(' ') || 'none'],
    ];
    lines.push(table(['', ''], facts));
  }
  if (bytes?.body !== undefined)
    lines.push(printable(bytes.body.length > 600 ? `${bytes.body.slice(0, 600)}…` : bytes.body));
  if (deliveries.length > 0) {
    const rows = deliveries.map((d) => [
      d.received_at,
      d.outcome,
      `${durationText(d.after_first_ms)} after the first`,
      d.flags.join(' '),
    ]);
    lines.push('further receipts:', table(['received', 'outcome', '', 'flags'], rows));
  }
  lines.push(...historyLines(explanation));
  for (const { code, text } of findings) lines.push(`• ${code}: ${printable(text)}`);
  return lines.join('\n');
}

/** Which values it is an input of, and which replays sent it. */
function historyLines({ versions, replays }: EventExplanation): string[] {
  const lines: string[] = [];
  if (versions.length > 0) {
    const rows = versions.map((v) => [
      v.metric,
      v.key,
      shortTime(v.window_start),
      v.version,
      valueText(v.value),
      shortTime(v.as_of),
    ]);
    lines.push('an input of:', table(['metric', 'key', 'window', 'version', 'value', 'as of'], rows));
  }
  if (replays.length > 0) {
    const rows = replays.map((r) => [
      shortTime(r.requested_at),
      r.sent === 'YES' ? 'sent' : `perhaps sent, ${r.status}`,
      r.requested_by ?? '',
      r.reason ?? '',
      r.replay_id,
    ]);
    lines.push('replayed:', table(['requested', '', 'by', 'why', 'replay'], rows));
  }
  return lines;
}
