import type { ChangeClassPart, ChangeExplanation } from '@pik/schema';
import { durationText } from '@pik/schema';

import { type GlobalOptions, investigator, print } from '../session.ts';
import { type Cell, counted, printable, shortTime, table, valueText } from '../terminal.ts';

/** Which change, as options of the command. */
export interface ExplainChangeOptions extends GlobalOptions {
  readonly metric: string;
  readonly key: string;
  readonly window: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: string;
}

/** Tells why a value changed. */
export async function explainChange(options: ExplainChangeOptions): Promise<void> {
  const { metric, key, window, from, to } = options;
  const limit = Number(options.limit);
  const change = await investigator(options).explainChange({ metric, key, window_start: window, from, to, limit });
  print(options, change, () => changeText(change));
}

/** The change for a person: the sentence, then classes, what they have in common, units and events. */
export function changeText(change: ChangeExplanation): string {
  const { before, after, exact, why_not_exact, notes } = change;
  const lines = [
    printable(change.sentence),
    table(['', 'value', 'inputs', 'as of', 'definition'], [sideRow('before', before), sideRow('after', after)]),
  ];
  if (change.classes.length > 0) lines.push('why:', classTable(change));
  lines.push(exact ? 'the parts are exact' : printable(`not exact: ${why_not_exact ?? ''}`));
  for (const part of change.classes) lines.push(...dimensionLines(part));
  lines.push(...unitLines(change), ...eventLines(change));
  for (const { code, text } of notes) lines.push(`• ${code}: ${printable(text)}`);
  return lines.join('\n');
}

function sideRow(name: string, side: ChangeExplanation['before']): Cell[] {
  const what = side.version === null ? side.kind.toLowerCase().replace('_', ' ') : `version ${side.version}`;
  const definition = `${side.definition_version} ${side.definition_hash.slice(0, 8)}`;
  return [`${name}: ${what}`, valueText(side.value), side.input_count, shortTime(side.as_of), definition];
}

function classTable({ classes, waterfall }: ChangeExplanation): string {
  const reached = new Map(waterfall.map(({ step, value }) => [step as string, value]));
  const rows = waterfall.flatMap(({ step }) => {
    const part = classes.find((found) => found.class === step);
    if (part === undefined) return [];
    const { contribution, came, went } = part;
    return [[step, contribution, reached.get(step) ?? null, came, went, lagText(part)] as Cell[]];
  });
  return table(['class', 'part', 'reached', 'came', 'went', 'lag'], rows);
}

function lagText({ lag_min_ms, lag_max_ms }: ChangeClassPart): string {
  if (lag_min_ms === null || lag_max_ms === null) return '';
  const [from, to] = [durationText(lag_min_ms), durationText(lag_max_ms)];
  return from === to ? to : `${from} to ${to}`;
}

/** Fields and values shown to a person; `--json` has more. */
const FIELDS_MAX = 4;
const VALUES_MAX = 4;

function dimensionLines({ class: name, dimensions }: ChangeClassPart): string[] {
  return dimensions.slice(0, FIELDS_MAX).map(({ field, values, more }) => {
    const shown = values.slice(0, VALUES_MAX).map(({ value, inputs, contribution }) => {
      return `${value} ${contribution === null ? counted(inputs, 'input') : signed(contribution)}`;
    });
    const rest = values.length - shown.length + more;
    return printable(`${name} by ${field}: ${shown.join(', ')}${rest > 0 ? `, and ${rest} more` : ''}`);
  });
}

function signed(value: number): string {
  return value < 0 ? `−${-value}` : `+${value}`;
}

function unitLines({ units }: ChangeExplanation): string[] {
  if (units === null || units.items.length === 0) return [];
  const rows = units.items.map((item) => [
    item.unit,
    item.kind,
    item.class,
    item.before,
    item.after,
    item.event_ids[0] ?? '',
    item.events,
  ]);
  return ['units that changed:', table(['unit', '', 'class', 'before', 'after', 'first event', 'events'], rows)];
}

function eventLines({ events }: ChangeExplanation): string[] {
  if (events.length === 0) return [];
  const rows = events.map((event) => [
    event.side,
    event.class,
    event.source ?? '?',
    event.event_type ?? '?',
    event.entity_id ?? '?',
    shortTime(event.received_at),
    durationText(event.lag_ms),
    event.contribution,
    event.event_id,
  ]);
  return ['events:', table(['', 'class', 'source', 'type', 'entity', 'received', 'lag', 'part', 'event'], rows)];
}
