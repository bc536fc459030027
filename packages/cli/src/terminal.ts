import type { SingleBar } from 'cli-progress';
import cliProgress from 'cli-progress';
import Table from 'cli-table3';
import pc from 'picocolors';

/** Text of callers may hold sequences that steer a terminal, or turn its reading direction: they are shown, not obeyed. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A cell: numbers are set to the right and grouped. */
export type Cell = string | number | null;

/** A table for a person. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const numeric = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] !== 'string'));
  const made = new Table({
    head: head.map((name) => pc.bold(name)),
    colAligns: numeric.map((right) => (right ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: ' ',
      'left-mid': '',
      mid: '─',
      'mid-mid': '─',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
  });
  for (const row of rows) made.push(row.map(cellText));
  return made.toString();
}

function cellText(cell: Cell): string {
  if (cell === null) return '–';
  return typeof cell === 'number' ? grouped(cell) : printable(cell);
}

/** 1234567 as `1,234,567`. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

/** How many of what: `1 event`, `2,000 events`. */
export function counted(count: number, word: string): string {
  return `${grouped(count)} ${word}${count === 1 ? '' : 's'}`;
}

/** A fixed-width time without the zeros at its end: the same instant, so that it can be given back as it stands. */
export function shortTime(time: string): string {
  return time.replace(/\.(\d*?)0*Z$/, (_, kept: string) => (kept === '' ? 'Z' : `.${kept}Z`));
}

const VALUE_CHARS_MAX = 60;

/** A value as JSON; a long one is cut, since a table is no place for it. */
export function valueText(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}…` : text;
}

/** A share as a percentage. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Progress of long work. */
export interface Progress {
  add(count: number): void;
  stop(): void;
}

/** A bar on the terminal while a person is looking; otherwise nothing. */
export function createProgress(label: string, total: number): Progress {
  if (!process.stderr.isTTY) return { add() {}, stop() {} };
  const bar: SingleBar = new cliProgress.SingleBar(
    {
      format: ` ${label.padEnd(16)} ${pc.cyan('{bar}')} {percentage} % | {value} of {total} | {duration_formatted}`,
      stream: process.stderr,
      hideCursor: true,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0);
  return { add: (count) => bar.increment(count), stop: () => bar.stop() };
}
