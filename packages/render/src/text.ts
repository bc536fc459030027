import Table from 'cli-table3';
import { drawing } from './charts/drawing.ts';
import { bold } from './colours.ts';
import { type Cell, cellText, numericColumns, printable } from './format.ts';
import type { View } from './view.ts';

/** A table as text; bold and coloured only on a terminal. */
export function tableText(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const made = new Table({
    head: head.map((name) => bold(name)),
    colAligns: numericColumns(head, rows).map((right) => (right ? 'right' : 'left')),
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

/**
 * An answer as text, as the command line prints it. Charts are drawn with characters, at most this many per line.
 *
 * @example
 * import { lagView, viewText } from '@pik/render';
 *
 * const options = { rowsMax: 40, fullAnswer: 'the answer has all', next: () => 'there is more' };
 * console.log(viewText(lagView(await kit.lag({ start_time: '7d' }), options), { columns: 80 }));
 */
export function viewText({ blocks, charts }: View, { columns = 100 }: { columns?: number | undefined } = {}): string {
  const lines = blocks.map((block) =>
    block.kind === 'table' ? tableText(block.head, block.rows) : printable(block.text),
  );
  return [...lines, ...charts.map((chart) => drawing(chart, columns))].filter((part) => part !== '').join('\n');
}
