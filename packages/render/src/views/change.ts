import { type ChangeClassPart, type ChangeExplanation, counted, durationText } from '@pik/schema';

import { waterfall } from '../charts/of-change.ts';
import { type Cell, shortTime, signed, valueText } from '../format.ts';
import { type Block, hiddenLine, table, text, type View, type ViewOptions } from '../view.ts';

/**
 * Why a value changed: the sentence, then classes, common fields, units and events.
 *
 * @example
 * import { changeView, viewText } from '@pik/render';
 *
 * const change = await kit.explainChange({ metric: 'daily_event_count', key: 'all', window_start: '2026-02-01' });
 * console.log(viewText(changeView(change, { rowsMax: 40, fullAnswer: 'the answer has all', next: () => 'there is more' })));
 */
export function changeView(change: ChangeExplanation, options: ViewOptions): View {
  const { before, after, exact, why_not_exact, notes, metric, key, window_start } = change;
  const blocks: Block[] = [
    text(change.sentence),
    table(['', 'value', 'inputs', 'as of', 'definition'], [sideRow('before', before), sideRow('after', after)]),
    ...(change.classes.length > 0 ? [text('why:'), classTable(change)] : []),
    text(exact ? 'the parts are exact' : `not exact: ${why_not_exact ?? ''}`),
    ...change.classes.flatMap(dimensionLines),
    ...deciderBlocks(change),
    ...unitBlocks(change, options),
    ...eventBlocks(change, options),
    ...compareLine(change),
    ...notes.map(({ code, text: note }) => text(`• ${code}: ${note}`)),
  ];
  return {
    title: `Why did ${metric} of ${key} on ${shortTime(window_start)} change?`,
    blocks,
    charts: waterfall(change),
  };
}

/** The command that says what sets the late inputs apart. */
function compareLine({ compare }: ChangeExplanation): Block[] {
  if (compare === undefined) return [];
  const { where, a, end_time } = compare;
  const command = `pik compare --where ${quoted(where)} --a ${quoted(a)} --to ${end_time}`;
  return [text(`differences of the late inputs from the others: ${command}`)];
}

/** An argument as a shell takes it. */
const quoted = (arg: string) => `'${arg.replaceAll("'", `'\\''`)}'`;

function sideRow(name: string, side: ChangeExplanation['before']): Cell[] {
  const what = side.version === null ? side.kind.toLowerCase().replace('_', ' ') : `version ${side.version}`;
  const definition = `${side.definition_version} ${side.definition_hash.slice(0, 8)}`;
  return [`${name}: ${what}`, valueText(side.value), side.input_count, shortTime(side.as_of), definition];
}

function classTable({ classes, waterfall: steps }: ChangeExplanation): Block {
  const reached = new Map<string, number | null>(steps.map(({ step, value }) => [step, value]));
  const rows = steps.flatMap(({ step }): Cell[][] => {
    const part = classes.find((found) => found.class === step);
    if (part === undefined) return [];
    const { contribution, came, went } = part;
    return [[step, contribution, reached.get(step) ?? null, came, went, lagText(part)]];
  });
  return table(['class', 'part', 'reached', 'came', 'went', 'lag'], rows);
}

/** Lags of the inputs that changed the value, if those are known. */
function lagText(part: ChangeClassPart): string {
  const { lag_min_ms, lag_max_ms } = part.changing ?? part;
  if (lag_min_ms === null || lag_max_ms === null) return '';
  const [from, to] = [durationText(lag_min_ms), durationText(lag_max_ms)];
  return from === to ? to : `${from} to ${to}`;
}

/** Number of fields and values shown; the answer has more. */
const FIELDS_MAX = 4;
const VALUES_MAX = 4;

function dimensionLines({ class: name, dimensions }: ChangeClassPart): Block[] {
  return dimensions.slice(0, FIELDS_MAX).map(({ field, values, more }) => {
    const shown = values.slice(0, VALUES_MAX).map(({ value, inputs, contribution }) => {
      return `${value} ${contribution === null ? counted(inputs, 'input') : signed(contribution)}`;
    });
    const rest = values.length - shown.length + more;
    return text(`${name} by ${field}: ${shown.join(', ')}${rest > 0 ? `, and ${rest} more` : ''}`);
  });
}

/** The single event that decides a maximum, a minimum or a latest value, before and after. */
function deciderBlocks({ decided_by }: ChangeExplanation): Block[] {
  if (decided_by === null) return [];
  const rows = (['before', 'after'] as const).flatMap((name): Cell[][] => {
    const event = decided_by[name];
    if (event === null) return [];
    const { side, class: why, source, event_type, entity_id, received_at, lag_ms, event_id } = event;
    const what = side === 'BOTH' ? 'still there' : `${side.toLowerCase()}: ${why ?? ''}`;
    return [[name, source, event_type, entity_id, shortTime(received_at), durationText(lag_ms), what, event_id]];
  });
  if (rows.length === 0) return [];
  return [text('decided by:'), table(['', 'source', 'type', 'entity', 'received', 'lag', '', 'event'], rows)];
}

function unitBlocks({ units }: ChangeExplanation, options: ViewOptions): Block[] {
  if (units === null || units.items.length === 0) return [];
  const rows = units.items
    .slice(0, options.rowsMax)
    .map((item) => [item.unit, item.kind, item.class, item.before, item.after, item.event_ids[0] ?? '', item.events]);
  const head = ['unit', '', 'class', 'before', 'after', 'first event', 'events'];
  return [text('units that changed:'), table(head, rows), ...hiddenLine(units.items.length, 'unit', options)];
}

function eventBlocks({ events }: ChangeExplanation, options: ViewOptions): Block[] {
  if (events.length === 0) return [];
  const rows = events
    .slice(0, options.rowsMax)
    .map((event) => [
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
  return [text('events:'), table(['', 'class', 'source', 'type', 'entity', 'received', 'lag', 'part', 'event'], rows)];
}
