import { writeFileSync } from 'node:fs';

import { type View, type ViewOptions, viewText } from '@pik/render';

import { outputColumns, writeErr } from './output.ts';
import { type GlobalOptions, print } from './session.ts';

/** Where else than on the terminal an answer goes. */
export interface ShowOptions extends GlobalOptions {
  /** A file for its first picture. */
  readonly svg?: string | undefined;
  /** A file for the whole answer with its pictures. */
  readonly html?: string | undefined;
  /** Rows of a table on the terminal. Default 40. */
  readonly rowsMax?: number | undefined;
}

/** Whether an answer is drawn for a file. */
export function draws({ svg, html }: ShowOptions): boolean {
  return svg !== undefined || html !== undefined;
}

/** What a person is shown on the terminal. */
const ROWS: ViewOptions = { rowsMax: 40, whole: '--json has all', next: (cursor) => `--cursor ${cursor}` };
/** A file has room for more. */
const FILE_ROWS: ViewOptions = { ...ROWS, rowsMax: 1_000, whole: 'pik --json has all' };

/** Prints an answer: as JSON for machines, else as text; and writes it to the files that were named. */
export async function show<T>(
  options: ShowOptions,
  answer: T,
  view: (answer: T, options: ViewOptions) => View,
): Promise<void> {
  const columns = outputColumns();
  const { rowsMax = ROWS.rowsMax } = options;
  print(options, answer, () => viewText(view(answer, { ...ROWS, rowsMax }), columns === undefined ? {} : { columns }));
  if (draws(options)) await writeFiles(options, view(answer, FILE_ROWS));
}

/** The drawing library is loaded by those who draw alone. */
async function writeFiles({ svg, html }: ShowOptions, view: View): Promise<void> {
  const [{ pageHtml }, { chartSvg }] = await Promise.all([import('@pik/render'), import('@pik/render/pictures')]);
  const svgs = view.charts.map(chartSvg);
  if (svg !== undefined) writeFile(svg, svgs[0] ?? null);
  const footer = `Made by pik at ${new Date().toISOString()}. Times are UTC unless a zone is named.`;
  if (html !== undefined) writeFile(html, pageHtml(view, { svgs, footer }));
}

function writeFile(file: string, text: string | null): void {
  if (text === null) {
    writeErr(`there is nothing to draw; ${file} was not written\n`);
    return;
  }
  writeFileSync(file, text);
  writeErr(`written: ${file}\n`);
}
