import { counted, durationText, type EventExplanation } from '@pik/schema';

import { percent, shortTime, valueText } from '../format.ts';
import { type Block, noteLines, table, text, type View } from '../view.ts';

/** Characters of the received text that are shown; `GET /receipts` has all of it. */
const BODY_CHARS_MAX = 600;

/** The story of an event, or why there is none. */
export function eventView(explanation: EventExplanation): View {
  const { bytes, deliveries, findings, summary } = explanation;
  const blocks: Block[] = [text(summary), ...factBlocks(explanation)];
  if (bytes?.body !== undefined)
    blocks.push(text(bytes.body.length > BODY_CHARS_MAX ? `${bytes.body.slice(0, BODY_CHARS_MAX)}…` : bytes.body));
  if (deliveries.length > 0) {
    const rows = deliveries.map((d) => [d.received_at, d.outcome, besideFirst(d.after_first_ms), d.flags.join(' ')]);
    blocks.push(text('further receipts:'), table(['received', 'outcome', '', 'flags'], rows));
  }
  for (const block of historyBlocks(explanation)) blocks.push(block);
  // Findings that the summary repeats are not listed again.
  for (const { code, text: finding } of findings) if (finding !== summary) blocks.push(text(`• ${code}: ${finding}`));
  for (const line of noteLines(explanation.notes ?? [])) blocks.push(line);
  return { title: 'What happened to this event?', blocks, charts: [] };
}

/** An import may claim an earlier receive time than the first receipt, whose payload stays. */
function besideFirst(ms: number): string {
  return ms < 0 ? `${durationText(-ms)} before the first` : `${durationText(ms)} after the first`;
}

function factBlocks({ event, outcome, rule, lateness, bytes }: EventExplanation): Block[] {
  if (event === null) return [];
  const later =
    lateness === null
      ? 'nothing to compare with'
      : `later than ${percent(floored(lateness.later_than_share))} of ${counted(lateness.of_events, 'event')} of its series that day`;
  const facts: [string, string][] = [
    ['event', event.event_id],
    ['outcome', `${outcome ?? ''}: ${rule ?? ''}`],
    ['happened', event.event_time],
    ['received', `${event.received_at} (${durationText(event.lag_ms)} later)`],
    ['lateness', later],
    ['bytes', `${event.raw_key} line ${event.line}: ${bytes?.state ?? ''}`],
    ['flags', event.flags.join(' ') || 'none'],
  ];
  return [table(['', ''], facts)];
}

/** Rounds down, so that no event is said to be later than all others if it is not. */
function floored(share: number): number {
  return Math.floor(share * 1_000) / 1_000;
}

/** The values that it is an input of, and the replays that sent it. */
function historyBlocks({ versions, replays }: EventExplanation): Block[] {
  const blocks: Block[] = [];
  if (versions.length > 0) {
    const rows = versions.map((v) => [
      v.metric,
      v.key,
      shortTime(v.window_start),
      v.version,
      valueText(v.value),
      shortTime(v.as_of),
    ]);
    blocks.push(text('an input of:'), table(['metric', 'key', 'window', 'version', 'value', 'as of'], rows));
  }
  if (replays.length > 0) {
    const rows = replays.map((r) => [
      shortTime(r.requested_at),
      r.sent === 'YES' ? 'sent' : `perhaps sent, ${r.status}`,
      r.requested_by ?? '',
      r.reason ?? '',
      r.replay_id,
    ]);
    blocks.push(text('replayed:'), table(['requested', '', 'by', 'why', 'replay'], rows));
  }
  return blocks;
}
