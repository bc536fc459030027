/**
 * Makes text of callers printable: sequences that steer a terminal, change the reading direction or are invalid in XML
 * become visible.
 */
export function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff]/g, (char) => {
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
}

/** A table cell: numbers are grouped and right-aligned; null is empty. */
export type Cell = string | number | null;

/** The text of a cell. */
export function cellText(cell: Cell): string {
  if (cell === null) return '–';
  return typeof cell === 'number' ? grouped(cell) : printable(cell);
}

/** The columns without text, which are right-aligned. */
export function numericColumns(head: readonly string[], rows: readonly (readonly Cell[])[]): boolean[] {
  return head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] !== 'string'));
}

/** 1234567 as `1,234,567`. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

/** A fixed-width time without trailing zeros: the same instant, and valid as input. */
export function shortTime(time: string): string {
  return time.replace(/\.(\d*?)0*Z$/, (_, kept: string) => (kept === '' ? 'Z' : `.${kept}Z`));
}

const VALUE_CHARS_MAX = 60;

/** A value as JSON; a long value is cut to fit a table. */
export function valueText(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}…` : text;
}

/** A share as a percentage. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** A number with its sign, as `+3` or `−3`. */
export function signed(value: number): string {
  return value < 0 ? `−${grouped(-value)}` : `+${grouped(value)}`;
}

/** The name of a group. */
export function groupName(group: Readonly<Record<string, string | undefined>>): string {
  return Object.values(group).join(' ');
}
