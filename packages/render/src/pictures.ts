import * as Plot from '@observablehq/plot';
import { at, durationText, greatestOf, leastOf } from '@pik/schema';
import { parseHTML } from 'linkedom';

import type { Bars, Calendar, Chart, Curves, HeatMap, Waterfall } from './charts/chart.ts';
import { type HeatScale, heatScale } from './charts/heat-scale.ts';
import { grouped, percent, printable, signed } from './format.ts';

export type { Chart } from './charts/chart.ts';

// The colours of the console in its light theme: one hue in steps, red for what is missing or went, amber for what deserves a look.
/** Light to dark; violet for events ahead of their time. */
const DELAY_COLOURS = [
  '#7b3294',
  '#e8eef6',
  '#c2d6f0',
  '#a9c6ea',
  '#8fb5e5',
  '#5189d1',
  '#3672bf',
  '#1f5fbf',
  '#123a78',
];
const STATE_COLOURS = { MISSING: '#d1483b', PARTIAL: '#e2a93b', PENDING: '#b9c1ca' } as const;
const PART_COLOURS = ['#5189d1', '#e2a93b', '#d1483b'];
const [CAME, WENT, WHOLE] = ['#1f5fbf', '#d1483b', '#8fb5e5'];
const STYLE = 'font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 12px; background: white;';

/** Characters of a row label; longer labels are cut. */
const NAME_CHARS_MAX = 40;
const CHAR_PX = 6.6;
const WIDTH_PX = 760;

/**
 * Draws a chart as self-contained SVG: no scripts, no external references. Texts of callers are escaped.
 *
 * @example
 * import { lagView } from '@pik/render';
 * import { chartSvg } from '@pik/render/pictures';
 *
 * const options = { rowsMax: 40, fullAnswer: 'the answer has all', next: () => 'there is more' };
 * const svgs = lagView(await kit.lag({ start_time: '7d' }), options).charts.map(chartSvg);
 */
export function chartSvg(chart: Chart): string {
  switch (chart.kind) {
    case 'heat-map':
      return heatMap(chart);
    case 'curves':
      return curves(chart);
    case 'calendar':
      return calendar(chart);
    case 'waterfall':
      return waterfall(chart);
    default:
      return bars(chart);
  }
}

interface Key {
  readonly name: string;
  readonly colour: string;
}

/** Height of title and legend above a plot. */
const HEAD_PX = 46;

type Options = NonNullable<Parameters<typeof Plot.plot>[0]>;

/** Draws with Plot, and adds title and legend above. */
function draw(title: string, keys: readonly Key[], options: Options): string {
  const { document } = parseHTML('<!DOCTYPE html><html><body></body></html>');
  const { width = WIDTH_PX, marginTop = 10, height = 300 } = options;
  const svg = Plot.plot({
    ...options,
    document,
    width,
    height: height + HEAD_PX,
    marginTop: marginTop + HEAD_PX,
  });
  svg.setAttribute('style', STYLE);
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  // Caller text goes only into text nodes: the serialiser does not make attributes safe for XML.
  const name = document.createElementNS('http://www.w3.org/2000/svg', 'title');
  name.textContent = printable(title);
  svg.prepend(name);
  const write = (text: string, at: { x: number; y: number; weight?: string | undefined }) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', 'text');
    node.setAttribute('x', String(at.x));
    node.setAttribute('y', String(at.y));
    node.setAttribute('fill', '#222');
    node.setAttribute('text-anchor', 'start');
    if (at.weight !== undefined) node.setAttribute('font-weight', at.weight);
    node.textContent = printable(text);
    svg.append(node);
  };
  write(title, { x: 8, y: 18, weight: 'bold' });
  let x = 8;
  for (const { name, colour } of keys) {
    const box = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    for (const [field, value] of Object.entries({ x, y: 28, width: 10, height: 10, fill: colour, stroke: '#999' }))
      box.setAttribute(field, String(value));
    svg.append(box);
    write(name, { x: x + 14, y: 37 });
    x += 14 + name.length * CHAR_PX + 14;
  }
  return svg.outerHTML;
}

function cut(name: string): string {
  const text = printable(name);
  return text.length > NAME_CHARS_MAX ? `${text.slice(0, NAME_CHARS_MAX - 1)}…` : text;
}

/** Row labels made unique: Plot merges rows with the same name. */
function rowNames(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const short = cut(name);
    const times = (seen.get(short) ?? 0) + 1;
    seen.set(short, times);
    return times === 1 ? short : `${short} (${times})`;
  });
}

/** Left margin for the row labels; at least the width of a slanted time below them. */
function marginOf(names: readonly string[]): number {
  return Math.max(
    72,
    20 +
      greatestOf(
        names.map(({ length }) => length),
        0,
      ) *
        CHAR_PX,
  );
}

/** About this many of the values, evenly spaced, for an axis without room for all. */
function some(values: readonly string[], count: number): string[] {
  const step = Math.max(1, Math.ceil(values.length / count));
  return values.filter((_, i) => i % step === 0);
}

function heatMap({ title, rows, columns, cells }: HeatMap): string {
  const names = rowNames(rows);
  const marginLeft = marginOf(names);
  const width = Math.max(WIDTH_PX, marginLeft + 20 + columns.length * 4);
  const scale = heatScale(cells.map(({ p90_ms }) => p90_ms));
  const colours = scale.names.map((_, level) => colourOf(level, scale));
  const keys = scale.names.map((name, level) => ({ name, colour: colours[level] ?? '' }));
  return draw(title, keys, {
    width,
    height: 102 + rows.length * 20,
    marginLeft,
    marginBottom: 92,
    x: { domain: columns, label: null, ticks: some(columns, 16), tickRotate: -40, padding: 0 },
    y: { domain: names, label: null, padding: 0.08 },
    marks: [
      Plot.frame({ fill: '#f4f4f4', stroke: null }),
      Plot.cell(cells, {
        x: ({ column }) => columns[column],
        y: ({ row }) => names[row],
        fill: ({ p90_ms }) => colours[scale.level(p90_ms)],
        title: ({ row, column, p90_ms }) => `${names[row]}, ${columns[column]}: ${durationText(p90_ms)}`,
      }),
    ],
    color: { type: 'identity' },
  });
}

/** The colour of a level: its own on the fixed scale, otherwise one of the steps, evenly spread. */
function colourOf(level: number, { names, isFixed }: HeatScale): string {
  if (isFixed) return DELAY_COLOURS[level] ?? '';
  const steps = DELAY_COLOURS.slice(1);
  return steps[Math.round((level * (steps.length - 1)) / Math.max(1, names.length - 1))] ?? '';
}

const LINE_COLOURS = { closed: '#c9d3dd', open: '#e2a93b', median: '#1f5fbf' } as const;

function curves({ title, ages_ms, lines }: Curves): string {
  const points = lines.flatMap(({ name, role, shares }, line) =>
    shares.flatMap((share, i) =>
      share === null ? [] : [{ line, name: cut(name), role, age: ages_ms[i] ?? 0, share }],
    ),
  );
  const many = lines.filter(({ role }) => role === 'median').length > 1;
  const last = points.filter((point, i) => points[i + 1]?.line !== point.line);
  // Nearly complete days end on one line, and so would their labels.
  const named = last.filter(({ role, share }) => (role === 'open' ? share < 0.995 : role === 'median' && many));
  const keys: Key[] = [
    { name: 'closed days', colour: LINE_COLOURS.closed },
    { name: 'open days, by their forecast', colour: LINE_COLOURS.open },
    { name: 'median of closed days', colour: LINE_COLOURS.median },
  ];
  return draw(title, keys, {
    height: 320,
    marginLeft: 50,
    marginRight: many ? 200 : 90,
    marginBottom: 40,
    x: {
      type: 'sqrt',
      ticks: [...ages_ms],
      tickFormat: (ms: number) => (ms === 0 ? '0' : durationText(ms)),
      label: 'after the end of the day',
    },
    y: {
      // From nothing to all, so that two pictures can be compared.
      domain: [0, 1],
      tickFormat: (share: number) => `${Math.round(share * 100)} %`,
      label: null,
      grid: true,
    },
    marks: [
      Plot.line(points, {
        x: 'age',
        y: 'share',
        z: 'line',
        stroke: ({ role }: { role: keyof typeof LINE_COLOURS }) => LINE_COLOURS[role],
        strokeWidth: ({ role }) => (role === 'closed' ? 1 : 2.5),
        title: ({ name, age, share }) => `${name}, ${durationText(age)}: ${percent(share)}`,
      }),
      Plot.dot(
        points.filter(({ role }) => role === 'open'),
        { x: 'age', y: 'share', fill: LINE_COLOURS.open, r: 3 },
      ),
      Plot.text(named, {
        x: 'age',
        y: 'share',
        text: 'name',
        textAnchor: 'start',
        dx: 6,
      }),
    ],
    color: { type: 'identity' },
  });
}

function calendar({ title, across, down, cells }: Calendar): string {
  const side = Math.max(3, Math.min(16, Math.floor(700 / across.length)));
  // A row with a label needs the height of a text.
  const tall = down.length === 60 ? 7 : Math.max(down.length <= 7 ? 15 : 9, side);
  const marginLeft = 72;
  const keys = Object.entries(STATE_COLOURS).map(([name, colour]) => ({ name, colour }));
  const labels = down.length > 24 ? some(down, 6) : down.length > 7 ? some(down, 8) : [...down];
  return draw(title, keys, {
    width: Math.max(WIDTH_PX / 2 + 100, marginLeft + 30 + across.length * side),
    height: 102 + down.length * tall,
    marginLeft,
    marginBottom: 92,
    x: { domain: across, label: null, ticks: some(across, 16), tickRotate: -40, padding: side < 6 ? 0 : 0.08 },
    y: { domain: down, label: null, ticks: labels, padding: 0.08 },
    marks: [
      Plot.frame({ fill: '#eef3ee', stroke: null }),
      Plot.cell(cells, {
        x: (cell) => across[cell.across],
        y: (cell) => down[cell.down],
        fill: ({ state }: { state: keyof typeof STATE_COLOURS }) => STATE_COLOURS[state],
        title: (cell) => `${across[cell.across]} ${down[cell.down]}: ${cell.state}`,
      }),
    ],
    color: { type: 'identity' },
  });
}

function waterfall({ title, steps }: Waterfall): string {
  const names = rowNames(steps.map(({ name }) => name));
  const rows = steps.map((step, i) => ({ ...step, row: at(names, i), next: names[i + 1] }));
  const colourOf = ({ isTotal, from, to }: Waterfall['steps'][number]) => (isTotal ? WHOLE : to < from ? WENT : CAME);
  const keys = [
    { name: 'value', colour: WHOLE },
    { name: 'more', colour: CAME },
    { name: 'less', colour: WENT },
  ].map(({ name, colour }) => ({ name, colour: colour ?? '' }));
  const base = leastOf(steps.flatMap(({ from, to }) => [from, to]));
  return draw(title, keys, {
    height: 60 + steps.length * 34,
    marginLeft: marginOf(names),
    marginRight: 70,
    marginBottom: 40,
    x: { label: null, grid: true, zero: base === 0, nice: true },
    y: { domain: names, label: null, padding: 0.25 },
    marks: [
      Plot.barX(rows, { x1: 'from', x2: 'to', y: 'row', fill: colourOf }),
      Plot.text(rows, {
        x: ({ from, to }) => Math.max(from, to),
        y: 'row',
        text: ({ from, to, isTotal }) => (isTotal ? grouped(to) : signed(to - from)),
        textAnchor: 'start',
        dx: 6,
      }),
    ],
    color: { type: 'identity' },
  });
}

function bars({ title, parts, rows }: Bars): string {
  const names = rowNames(rows.map(({ name }) => name));
  const pieces = rows.flatMap(({ values }, row) => {
    let reached = 0;
    return values.map((value, part) => {
      const from = reached;
      reached += value;
      return { row: at(names, row), from, to: reached, colour: PART_COLOURS[part] ?? '' };
    });
  });
  const ends = rows.map(({ values, label }, row) => {
    return { row: at(names, row), to: values.reduce((sum, value) => sum + value, 0), label: cut(label) };
  });
  const keys = parts.length < 2 ? [] : parts.map((name, part) => ({ name, colour: PART_COLOURS[part] ?? '' }));
  return draw(title, keys, {
    height: 50 + rows.length * 24,
    marginLeft: marginOf(names),
    marginRight:
      30 +
      greatestOf(
        ends.map(({ label }) => label.length),
        0,
      ) *
        CHAR_PX,
    marginBottom: 40,
    x: { label: null, grid: true },
    y: { domain: names, label: null, padding: 0.2 },
    marks: [
      Plot.barX(pieces, { x1: 'from', x2: 'to', y: 'row', fill: 'colour' }),
      Plot.text(ends, { x: 'to', y: 'row', text: 'label', textAnchor: 'start', dx: 6 }),
    ],
    color: { type: 'identity' },
  });
}
