import { useEffect, useRef, useState } from 'preact/hooks';

import { useAddress } from '../state/address.ts';
import { type Axis, minuteText, ticksOf } from './axis.ts';

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
}

/** A row of a grid: one series. */
export interface GridRow {
  readonly name: string;
  readonly href?: string | undefined;
  readonly stretches: readonly Stretch[];
}

/** A picture of series over time, all on one axis. */
export interface GridProps {
  readonly title: string;
  readonly axis: Axis;
  readonly rows: readonly GridRow[];
  readonly legend: readonly (readonly [level: Level, text: string])[];
}

const ROW = 20;
const TOP = 22;
const ROWS_MAX = 60;
const HINT = 'Drag to narrow the range. Arrow keys read the cells, Enter opens one.';
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
function useDrag({ msAt }: Scale) {
  const { set } = useAddress();
  const [drag, setDrag] = useState<readonly [from: number, to: number] | null>(null);
  const pixel = (event: PointerEvent) => event.clientX - (event.currentTarget as Element).getBoundingClientRect().left;
  return {
    drag,
    handlers: {
      onPointerDown: (event: PointerEvent) => setDrag([pixel(event), pixel(event)]),
      onPointerMove: (event: PointerEvent) => drag !== null && setDrag([drag[0], pixel(event)]),
      onPointerLeave: () => setDrag(null),
      onDragStart: (event: DragEvent) => event.preventDefault(),
      onClickCapture: (event: MouseEvent) => {
        setDrag(null);
        if (drag === null || Math.abs(drag[1] - drag[0]) <= DRAG_PX) return;
        event.preventDefault();
        event.stopPropagation();
        set(rangeOf([msAt(drag[0]), msAt(drag[1])]));
      },
    },
  };
}

/** Series over time. Arrow keys move from stretch to stretch, Enter opens one, a drag narrows the range. */
export function Grid({ title, axis, rows, legend }: GridProps) {
  const { go } = useAddress();
  const [width, box] = useWidth();
  const [at, setAt] = useState<readonly [row: number, stretch: number] | null>(null);
  const shown = rows.slice(0, ROWS_MAX);
  const scale = scaleOf(axis, width);
  const { drag, handlers } = useDrag(scale);
  const height = TOP + shown.length * ROW;
  const current = at === null ? null : (shown[at[0]]?.stretches[at[1]] ?? null);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && current?.href) return go(current.href);
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
            <Row key={row.name} row={row} y={TOP + index * ROW} scale={scale} at={at?.[0] === index ? at[1] : null} />
          ))}
          {drag !== null && (
            <rect
              class="drag"
              x={Math.min(drag[0], drag[1])}
              y={TOP}
              width={Math.abs(drag[1] - drag[0])}
              height={height - TOP}
            />
          )}
        </svg>
      </div>
      <p class="reading" aria-live="polite">
        {reading}
      </p>
      {rows.length > shown.length && <p class="dim">{rows.length - shown.length} more series are in the table.</p>}
    </figure>
  );
}

/** A stretch in words. */
function readingOf({ startMs, endMs, text }: Stretch, { timeZone }: Axis): string {
  return `${minuteText(startMs, timeZone)} to ${minuteText(endMs, timeZone)}: ${text}`;
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

function Row(props: { row: GridRow; y: number; scale: Scale; at: number | null }) {
  const { row, y, at } = props;
  const { left, x } = props.scale;
  const chars = Math.floor(left / 6.6);
  const label = row.name.length > chars ? `${row.name.slice(0, chars - 1)}…` : row.name;
  return (
    <g>
      <text class="name" x={0} y={y + 14}>
        <title>{row.name}</title>
        {label}
      </text>
      {row.stretches.map(({ startMs, endMs, level, text, href }, index) => {
        const isThin = level === 'life' || level === 'silent';
        const cell = (
          <rect
            class={`s-${level}${at === index ? ' at' : ''}`}
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
