import { durationText, greatestOf, leastOf } from '@pik/schema';

import { bold, cyan, dim, green, magenta, red, yellow } from '../colours.ts';
import { grouped, percent, printable, signed } from '../format.ts';
import {
  type Bars,
  type Calendar,
  type Chart,
  type Curves,
  DELAY_NAMES,
  delayLevel,
  type HeatMap,
  type Waterfall,
  type WindowState,
} from './chart.ts';

/** Maximum length of the label at the left of a line. */
const NAME_CHARS_MAX = 28;
const LINES_MAX = 40;
const STEPS = '▁▂▃▄▅▆▇█';

/** A chart drawn with characters, coloured only on a terminal; empty for bars, which a table shows as well. */
export function drawing(chart: Chart, columns: number): string {
  if (chart.kind === 'bars') return '';
  return [bold(printable(chart.title)), ...linesOf(chart, columns)].join('\n');
}

function linesOf(chart: Exclude<Chart, Bars>, columns: number): string[] {
  switch (chart.kind) {
    case 'heat-map':
      return heatMap(chart, columns);
    case 'curves':
      return curves(chart);
    case 'calendar':
      return calendar(chart);
    case 'waterfall':
      return waterfall(chart, columns);
  }
}

function names(all: readonly string[]): string[] {
  const shown = all.map((name) => {
    const text = printable(name);
    return text.length > NAME_CHARS_MAX ? `${text.slice(0, NAME_CHARS_MAX - 1)}…` : text;
  });
  const width = greatestOf(
    shown.map(({ length }) => length),
    0,
  );
  return shown.map((name) => ` ${name.padEnd(width)} `);
}

const LEVEL_COLOURS = [magenta, green, green, green, yellow, yellow, red, red, red];
const LEVEL_MARKS = `v${STEPS}`;

function heatMap({ rows, columns, cells }: HeatMap, width: number): string[] {
  const labels = names(rows);
  const room = Math.max(10, width - (labels[0]?.length ?? 0));
  const skipped = Math.max(0, columns.length - room);
  const marks = rows.map(() => columns.slice(skipped).map(() => ' '));
  for (const { row, column, p90_ms } of cells) {
    const level = delayLevel(p90_ms);
    const line = marks[row];
    if (line !== undefined && column >= skipped)
      line[column - skipped] = (LEVEL_COLOURS[level] ?? red)(LEVEL_MARKS[level] ?? '█');
  }
  const key = DELAY_NAMES.map((name, level) => `${LEVEL_MARKS[level]} ${name}`).join('  ');
  const ends = `${columns[skipped] ?? ''} to ${columns.at(-1) ?? ''}`;
  return [...marks.slice(0, LINES_MAX).map((line, row) => labels[row] + line.join('')), ` ${ends}`, ` ${key}`];
}

function curves({ ages_ms, lines }: Curves): string[] {
  const shown = lines.filter(({ role }) => role !== 'closed');
  const labels = names(shown.map(({ name }) => name));
  const drawn = shown.slice(0, LINES_MAX).map(({ shares, role }, i) => {
    const marks = shares.map((share) => (share === null ? ' ' : STEPS[Math.min(7, Math.floor(share * 8))])).join('');
    const last = shares.findLast((share) => share !== null);
    const share = last == null ? '' : ` ${percent(last)}`;
    return `${labels[i]}${role === 'open' ? yellow(marks) : marks}${share}`;
  });
  return [
    ...drawn,
    ` at ${ages_ms.map((ms) => (ms === 0 ? '0' : durationText(ms))).join(', ')} after the end of the day`,
  ];
}

const STATE_MARKS: Readonly<Record<WindowState, string>> = { MISSING: '█', PARTIAL: '▒', PENDING: '?' };
const STATE_COLOURS = { MISSING: red, PARTIAL: yellow, PENDING: dim } as const;

/** Only the lines with a missing window. */
function calendar({ across, down, cells }: Calendar): string[] {
  const lines = new Map<number, string[]>();
  for (const { across: column, down: place, state } of cells) {
    const line = lines.get(column) ?? down.map(() => '·');
    line[place] = STATE_COLOURS[state](STATE_MARKS[state]);
    lines.set(column, line);
  }
  const shown = [...lines].sort(([a], [b]) => a - b).slice(-LINES_MAX);
  const drawn = shown.map(([column, marks]) => ` ${across[column]} ${marks.join('')}`);
  const key = Object.entries(STATE_MARKS).map(([state, mark]) => `${mark} ${state}`);
  return [...drawn, ` ${down[0]} to ${down.at(-1)} from left to right; ${key.join('  ')}`];
}

function waterfall({ steps }: Waterfall, width: number): string[] {
  const labels = names(steps.map(({ name }) => name));
  const values = steps.flatMap(({ from, to }) => [from, to]);
  const [low, high] = [leastOf(values), greatestOf(values)];
  const room = Math.max(10, Math.min(60, width - (labels[0]?.length ?? 0) - 14));
  const at = (value: number) => (high === low ? 0 : Math.round(((value - low) / (high - low)) * room));
  return steps.map(({ from, to, isTotal }, i) => {
    const [start, end] = [at(Math.min(from, to)), at(Math.max(from, to))];
    const bar = `${' '.repeat(start)}${'█'.repeat(Math.max(1, end - start))}`.padEnd(room + 1);
    const colour = isTotal ? cyan : to < from ? red : green;
    return `${labels[i]}${colour(bar)} ${isTotal ? grouped(to) : signed(to - from)}`;
  });
}
