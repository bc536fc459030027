import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';

import { useKeys } from './keys.ts';

/** A column of a table. */
export interface Column<R> {
  readonly name: string;
  /** True for numbers, which are aligned at their ends. */
  readonly end?: boolean;
  /** True for a column that a narrow screen leaves out. */
  readonly wide?: boolean;
  /** True for sentences, which need some width. */
  readonly text?: boolean;
  /** True for short texts that stay on one line. */
  readonly fixed?: boolean;
  cell(row: R): ComponentChildren;
}

/** A table with a title, moved through with `j` and `k`, opened with `o`. */
export interface TableProps<R> {
  readonly title: string;
  readonly rows: readonly R[];
  readonly columns: readonly Column<R>[];
  keyOf(row: R): string;
  /** The address that a row opens. */
  hrefOf?(row: R): string | null;
  /** Rows at first; a button shows the rest. */
  readonly first?: number;
  readonly more?: ComponentChildren;
}

const FIRST_ROWS = 50;

/** A dense table. */
export function Table<R>({ title, rows, columns, keyOf, hrefOf, first = FIRST_ROWS, more }: TableProps<R>) {
  const [shown, setShown] = useState(first);
  const body = useRef<HTMLTableSectionElement>(null);
  useKeys({
    j: () => moveFocus(body.current, 1),
    k: () => moveFocus(body.current, -1),
    o: () => (document.activeElement?.closest('tr')?.querySelector('a') as HTMLElement | null)?.click(),
  });
  const visible = rows.slice(0, shown);
  return (
    <div class="table">
      <table>
        <caption>{title}</caption>
        <thead>
          <tr>
            {columns.map(({ name, end, wide, fixed, text }) => (
              <th key={name} scope="col" class={classes({ end, wide, fixed, text })}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {visible.map((row) => (
            <tr key={keyOf(row)} class={hrefOf?.(row) ? 'opens' : undefined}>
              {columns.map(({ name, end, wide, fixed, text, cell }, index) => (
                <td key={name} class={classes({ end, wide, fixed, text })}>
                  {index === 0 && hrefOf?.(row) ? <a href={hrefOf(row) as string}>{cell(row)}</a> : cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > shown && (
        <button type="button" class="more" onClick={() => setShown(shown + 10 * first)}>
          Show {Math.min(rows.length - shown, 10 * first).toLocaleString('en-US')} more of{' '}
          {rows.length.toLocaleString('en-US')}
        </button>
      )}
      {more}
    </div>
  );
}

/** The names of the set properties. */
function classes(set: { readonly [name: string]: boolean | undefined }): string | undefined {
  const names = Object.keys(set).filter((name) => set[name]);
  return names.length === 0 ? undefined : names.join(' ');
}

/** Moves the focus to the first link of the next or the previous row. */
function moveFocus(body: HTMLElement | null, by: number): void {
  const rows = [...(body?.querySelectorAll('tr') ?? [])].filter((row) => row.querySelector('a, button') !== null);
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  const next = now < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, now + by));
  (rows[next]?.querySelector('a, button') as HTMLElement | null)?.focus();
}
