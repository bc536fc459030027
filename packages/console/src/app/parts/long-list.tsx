import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { useKeys } from './keys.ts';

/** A column of a long list: one line of text. */
export interface ListColumn<R> {
  readonly name: string;
  /** True for a column that a narrow screen leaves out. */
  readonly wide?: boolean;
  /** A time, a short word, or by default what takes the room that is left. */
  readonly size?: 'time' | 'short';
  cell(row: R): ComponentChildren;
}

/** A list of any length, of which only the rows in view are in the page. */
export interface LongListProps<R> {
  readonly title: string;
  readonly rows: readonly R[];
  readonly columns: readonly ListColumn<R>[];
  keyOf(row: R): string;
  /** The address that a row opens. */
  hrefOf(row: R): string;
  readonly selected: ReadonlySet<string>;
  /** Called with the key of the row that has the focus, when `x` is pressed. */
  onSelect(key: string): void;
  /** Called when the top of the list goes out of view, and when it is back. */
  onTop(isAtTop: boolean): void;
}

/** Every row has this height, also in the style sheet. */
const ROW_PX = 28;
const ROWS_AROUND = 10;

/** A list of any length. `j` and `k` move through it, Enter opens a row, `x` selects one. */
export function LongList<R>(props: LongListProps<R>) {
  const { title, rows, columns, keyOf, hrefOf, selected, onSelect, onTop } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const look = () => {
    const { scrollTop = 0, clientHeight = 600 } = box.current ?? {};
    setView({ top: scrollTop, height: clientHeight });
    onTop(scrollTop < ROW_PX);
  };
  useEffect(() => {
    if (box.current === null) return undefined;
    const observer = new ResizeObserver(look);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useListKeys(box, rows.length, onSelect);
  const first = Math.max(0, Math.floor(view.top / ROW_PX) - ROWS_AROUND);
  const end = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW_PX) + ROWS_AROUND);
  return (
    <div class="long" ref={box} onScroll={look}>
      <table aria-rowcount={rows.length + 1}>
        <caption class="unseen">{title}</caption>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <th key={column.name} scope="col" class={classOf(column)}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Space px={first * ROW_PX} />
          {rows.slice(first, end).map((row, at) => {
            const key = keyOf(row);
            return (
              <tr
                key={key}
                aria-rowindex={first + at + 2}
                data-row={first + at}
                data-key={key}
                class={selected.has(key) ? 'chosen' : undefined}
              >
                {columns.map((column, index) => (
                  <td key={column.name} class={classOf(column)}>
                    {index === 0 ? <a href={hrefOf(row)}>{column.cell(row)}</a> : column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
          <Space px={(rows.length - end) * ROW_PX} />
        </tbody>
      </table>
    </div>
  );
}

const classOf = ({ wide, size }: { readonly wide?: boolean; readonly size?: string }) =>
  [wide ? 'wide' : '', size ?? ''].join(' ').trim() || undefined;

/** The rows that are not in the page, as one of their height. */
function Space({ px }: { px: number }) {
  if (px <= 0) return null;
  return (
    <tr class="space">
      <td style={{ height: `${px}px` }} />
    </tr>
  );
}

/** `j` and `k` move the focus, also to rows that are not in the page yet. */
function useListKeys(box: { readonly current: HTMLDivElement | null }, count: number, onSelect: (key: string) => void) {
  const focused = () => document.activeElement?.closest<HTMLElement>('tr[data-row]') ?? null;
  const move = (by: number) => {
    const { current } = box;
    if (current === null || count === 0) return;
    const now = focused()?.dataset.row;
    const next = now === undefined ? Math.round(current.scrollTop / ROW_PX) : Number(now) + by;
    const row = Math.min(count - 1, Math.max(0, next));
    const [top, bottom] = [row * ROW_PX, (row + 2) * ROW_PX];
    if (top < current.scrollTop) current.scrollTop = top;
    else if (bottom > current.scrollTop + current.clientHeight) current.scrollTop = bottom - current.clientHeight;
    current.querySelector<HTMLElement>(`tr[data-row="${row}"] a`)?.focus({ preventScroll: true });
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    o: () => focused()?.querySelector('a')?.click(),
    e: () => focused()?.querySelector('a')?.click(),
    x: () => {
      const key = focused()?.dataset.key;
      if (key !== undefined) onSelect(key);
    },
  });
}
