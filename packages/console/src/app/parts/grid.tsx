import { useEffect, useRef, useState } from 'preact/hooks';

import { useAddress } from '../state/address.ts';
import { quoted } from '../state/expression.ts';
import { type Axis, minuteText, ticksOf } from './axis.ts';
import { Table } from './table.tsx';
import { tableWanted } from './table-wanted.ts';

/** How a stretch of a row looks: five steps of one hue, or a state. */
export type Level = 0 | 1 | 2 | 3 | 4 | 'ok' | 'warn' | 'bad' | 'pending' | 'life' | 'silent';

/** A stretch of time in a row. */
export interface Stretch {
  readonly startMs: number;
  readonly endMs: number;
  readonly level: Level;
  /** The value in words. */
  readonly text: string;
  readonly href?: string | undefined;
  /** Its name in a selection; a stretch without one cannot be selected. */
  readonly key?: string | undefined;
}

/** A row of a grid: one series. */
export interface GridRow {
  readonly name: string;
  /** The expression of its events; without one, a drag with Shift compares times alone. */
  readonly where?: string | undefined;
  readonly href?: string | undefined;
  readonly stretches: readonly Stretch[];
}

/** A picture of series over time, all on one axis. */
export interface GridProps {
  readonly title: string;
  readonly axis: Axis;
  readonly rows: readonly GridRow[];
  readonly legend: readonly (readonly [level: Level, text: string])[];
  /** Keys of the selected stretches, and what selects one or takes it out; without them `x` does nothing. */
  readonly selected?: ReadonlySet<string>;
  onSelect?(key: string): void;
}

const ROW = 20;
const TOP = 22;
const ROWS_MAX = 60;
const HINT = 'Drag to narrow the range, with Shift to compare the box. Arrow keys read the cells, Enter opens one.';
/** Arrow keys reach the cells. Attributes of SVG are case-sensitive, so this name is in lower case. */
const OUT_OF_TAB_ORDER = { tabindex: -1 };
/** A picture takes keys, though no element of HTML stands for it. */
const FOCUSABLE = { tabIndex: 0 };
/** Shorter drags are clicks. */
const DRAG_PX = 6;

/** Where a picture has its rows, and which time lies where. */
interface Scale {
  readonly left: number;
  readonly plot: number;
  x(ms: number): number;
  msAt(px: number): number;
}

function scaleOf({ startMs, endMs }: Axis, width: number): Scale {
  const left = Math.min(190, Math.round(width * 0.3));
  const plot = Math.max(40, width - left - 8);
  const msPerPx = (endMs - startMs) / plot;
  return {
    left,
    plot,
    x: (ms) => left + (Math.min(Math.max(ms, startMs), endMs) - startMs) / msPerPx,
    msAt: (px) => startMs + (px - left) * msPerPx,
  };
}

/** A drag over a picture, from pixel to pixel: it narrows the range when it ends. */
function useDrag({ msAt }: Scale, rows: readonly GridRow[]) {
  const { set, go, link } = useAddress();
  const startY = useRef(0);
  const [drag, setDrag] = useState<readonly [from: number, to: number] | null>(null);
  const pixel = (event: PointerEvent) => event.clientX - (event.currentTarget as Element).getBoundingClientRect().left;
  return {
    drag,
    handlers: {
      onPointerDown: (event: PointerEvent) => {
        startY.current = event.clientY;
        setDrag([pixel(event), pixel(event)]);
      },
      onPointerMove: (event: PointerEvent) => drag !== null && setDrag([drag[0], pixel(event)]),
      onPointerLeave: () => setDrag(null),
      onDragStart: (event: DragEvent) => event.preventDefault(),
      onClickCapture: (event: MouseEvent) => {
        setDrag(null);
        if (drag === null || Math.abs(drag[1] - drag[0]) <= DRAG_PX) return;
        event.preventDefault();
        event.stopPropagation();
        const range = rangeOf([msAt(drag[0]), msAt(drag[1])]);
        if (!event.shiftKey) return set(range);
        const top = (event.currentTarget as Element).getBoundingClientRect().top + TOP;
        const [first, last] = [startY.current, event.clientY]
          .map((y) => Math.floor((y - top) / ROW))
          .sort((a, b) => a - b);
        go(
          link('/compare', {
            a: boxExpression(range, rows.slice(Math.max(0, first ?? 0), Math.max(0, last ?? 0) + 1)),
          }),
        );
      },
    },
  };
}

/** Series over time. Arrow keys move from stretch to stretch, Enter opens one, a drag narrows the range. */
export function Grid(props: GridProps) {
  const { title, axis, rows, legend, selected, onSelect } = props;
  const { go } = useAddress();
  const [isTable, setTable] = useTableKey();
  const [width, box] = useWidth();
  const [at, setAt] = useState<readonly [row: number, stretch: number] | null>(null);
  const shown = rows.slice(0, ROWS_MAX);
  const scale = scaleOf(axis, width);
  const { drag, handlers } = useDrag(scale, shown);
  const height = TOP + shown.length * ROW;
  const current = at === null ? null : (shown[at[0]]?.stretches[at[1]] ?? null);
  const onKeyDown = (event: KeyboardEvent) => {
    if ((event.key === 'Enter' || event.key === 'e') && current?.href) return go(current.href);
    if (event.key === 'x' && current?.key !== undefined) {
      event.preventDefault();
      return onSelect?.(current.key);
    }
    const next = moved(shown, { at, key: event.key });
    if (next === null) return;
    event.preventDefault();
    setAt(next);
  };
  const reading = current === null || at === null ? HINT : `${shown[at[0]]?.name}, ${readingOf(current, axis)}`;
  return (
    <figure class="grid">
      <figcaption>
        {title}
        <Legend legend={legend} />
        <button type="button" class="quiet" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          Table
        </button>
      </figcaption>
      <div
        class="canvas"
        ref={box}
        role="application"
        aria-label={`${title}. ${HINT}`}
        {...FOCUSABLE}
        onKeyDown={onKeyDown}
      >
        <svg width={width} height={height + 4} aria-hidden="true" {...handlers}>
          <Ticks axis={axis} scale={scale} height={height} />
          {shown.map((row, index) => (
            <Row
              key={row.name}
              row={row}
              y={TOP + index * ROW}
              scale={scale}
              at={at?.[0] === index ? at[1] : null}
              selected={selected}
            />
          ))}
          {drag !== null && <Dragged drag={drag} height={height - TOP} />}
        </svg>
      </div>
      <p class="reading" aria-live="polite">
        {reading}
      </p>
      {isTable && <Cells {...props} />}
      {rows.length > shown.length && <p class="dim">{rows.length - shown.length} more series are in the table.</p>}
    </figure>
  );
}

/** The tables of all pictures of a page, with one key. */
function useTableKey() {
  const [isTable, setTable] = useState(false);
  useEffect(() => {
    tableWanted.value = false;
  }, []);
  return [
    isTable || tableWanted.value,
    (wanted: boolean) => {
      tableWanted.value = false;
      setTable(wanted);
    },
  ] as const;
}

/** The same as a picture, cell by cell. */
function Cells({ title, rows, axis: { timeZone } }: GridProps) {
  const cells = rows.flatMap(({ name, stretches }) => stretches.map((stretch) => ({ name, ...stretch })));
  return (
    <Table
      title={`${title}, cell by cell`}
      rows={cells}
      keyOf={({ name, startMs, level }) => `${name} ${startMs} ${level}`}
      hrefOf={({ href }) => href ?? null}
      columns={[
        { name: 'From', fixed: true, cell: ({ startMs }) => minuteText(startMs, timeZone) },
        { name: 'To', fixed: true, wide: true, cell: ({ endMs }) => minuteText(endMs, timeZone) },
        { name: 'Series', fixed: true, cell: ({ name }) => name },
        { name: 'Value', text: true, cell: ({ text }) => text },
      ]}
    />
  );
}

function Dragged({ drag: [from, to], height }: { drag: readonly [from: number, to: number]; height: number }) {
  return <rect class="drag" x={Math.min(from, to)} y={TOP} width={Math.abs(to - from)} height={height} />;
}

/** A stretch in words. */
function readingOf({ startMs, endMs, text }: Stretch, { timeZone }: Axis): string {
  return `${minuteText(startMs, timeZone)} to ${minuteText(endMs, timeZone)}: ${text}`;
}

/** The events of a box in a picture. */
function boxExpression({ from, to }: { from: string; to: string }, rows: readonly GridRow[]): string {
  const times = `event_time >= ${quoted(from)} and event_time < ${quoted(to)}`;
  const series = rows.flatMap(({ where }) => where ?? []);
  return series.length === 0 ? times : `${times} and (${series.map((one) => `(${one})`).join(' or ')})`;
}

function rangeOf([a, b]: readonly [number, number]): { from: string; to: string } {
  const minute = (ms: number) => new Date(Math.round(ms / 60_000) * 60_000).toISOString().replace('.000Z', 'Z');
  return { from: minute(Math.min(a, b)), to: minute(Math.max(a, b)) };
}

interface Move {
  readonly at: readonly [number, number] | null;
  readonly key: string;
}

function moved(rows: readonly GridRow[], { at, key }: Move): readonly [number, number] | null {
  if (!key.startsWith('Arrow') || rows.length === 0) return null;
  if (at === null) return [0, 0];
  const [row, stretch] = at;
  const clamp = (value: number, end: number) => Math.min(Math.max(value, 0), Math.max(0, end - 1));
  const cells = (index: number) => rows[index]?.stretches ?? [];
  if (key === 'ArrowLeft' || key === 'ArrowRight')
    return [row, clamp(stretch + (key === 'ArrowRight' ? 1 : -1), cells(row).length)];
  const next = clamp(row + (key === 'ArrowDown' ? 1 : -1), rows.length);
  const ms = cells(row)[stretch]?.startMs ?? 0;
  const near = cells(next).findIndex(({ endMs }) => endMs > ms);
  return [next, near < 0 ? Math.max(0, cells(next).length - 1) : near];
}

interface RowProps {
  readonly row: GridRow;
  readonly y: number;
  readonly scale: Scale;
  readonly at: number | null;
  readonly selected: ReadonlySet<string> | undefined;
}

function Row(props: RowProps) {
  const { row, y, at, selected } = props;
  const { left, x } = props.scale;
  const chars = Math.floor(left / 6.6);
  const label = row.name.length > chars ? `${row.name.slice(0, chars - 1)}…` : row.name;
  return (
    <g>
      <text class="name" x={0} y={y + 14}>
        <title>{row.name}</title>
        {label}
      </text>
      {row.stretches.map(({ startMs, endMs, level, text, href, key: name }, index) => {
        const isThin = level === 'life' || level === 'silent';
        const cell = (
          <rect
            class={`s-${level}${at === index ? ' at' : ''}${name !== undefined && selected?.has(name) ? ' chosen' : ''}`}
            x={x(startMs)}
            y={isThin ? y + 8 : y + 1}
            width={Math.max(1.5, x(endMs) - x(startMs) - 0.75)}
            height={isThin ? 4 : ROW - 2}
          >
            <title>{text}</title>
          </rect>
        );
        const key = `${startMs}-${level}`;
        return href === undefined ? (
          <g key={key}>{cell}</g>
        ) : (
          <a key={key} href={href} {...OUT_OF_TAB_ORDER}>
            {cell}
          </a>
        );
      })}
    </g>
  );
}

function Ticks({ axis, scale: { x, plot }, height }: { axis: Axis; scale: Scale; height: number }) {
  const max = Math.max(2, Math.floor(plot / 76));
  return (
    <g class="ticks">
      {ticksOf(axis, max).map(({ ms, text }) => (
        <g key={ms}>
          <line x1={x(ms)} x2={x(ms)} y1={TOP - 5} y2={height} />
          <text x={x(ms) + 3} y={12}>
            {text}
          </text>
        </g>
      ))}
    </g>
  );
}

function Legend({ legend }: { legend: GridProps['legend'] }) {
  return (
    <span class="legend">
      {legend.map(([level, text]) => (
        <span key={text}>
          <svg width="10" height="10" aria-hidden="true">
            <rect class={`s-${level}`} width="10" height="10" />
          </svg>
          {text}
        </span>
      ))}
    </span>
  );
}

/** The width of a box on screen, followed as it changes. */
function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  useEffect(() => {
    const { current } = box;
    if (current === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(current.clientWidth));
    observer.observe(current);
    setWidth(current.clientWidth);
    return () => observer.disconnect();
  }, []);
  return [width, box] as const;
}
