import { writeFileSync } from 'node:fs';

import { type View, type ViewOptions, viewText } from '@pik/render';

import { outputColumns, writeErr } from './output.ts';
import { withoutSecrets } from './secrets.ts';
import { connection, type GlobalOptions, printAnswer } from './session.ts';

/** Output options of a command whose answer has charts. */
export interface ShowOptions extends GlobalOptions {
  /** SVG file for the first chart. */
  readonly svg?: string | undefined;
  /** HTML file for the whole answer with its charts. */
  readonly html?: string | undefined;
  /** Rows of a table on the terminal. Default 40. */
  readonly rowsMax?: number | undefined;
  /** The lists of the answer that the question splits into pages. */
  readonly pages?: readonly string[] | undefined;
}

/** True if the answer also goes to a file with charts. */
export function draws({ svg, html }: ShowOptions): boolean {
  return svg !== undefined || html !== undefined;
}

/** Limits of the text on a terminal. */
const ROWS: ViewOptions = { rowsMax: 40, fullAnswer: '--json has all', next: (cursor) => `--cursor ${cursor}` };
/** Limits of an HTML file. */
const FILE_ROWS: ViewOptions = { ...ROWS, rowsMax: 1_000, fullAnswer: 'pik --json has all', isDrawn: true };

/** Prints an answer, as JSON with `--json`, otherwise as text, and writes the files that the options name. */
export async function show<T>(
  options: ShowOptions,
  answer: T,
  view: (answer: T, options: ViewOptions) => View,
): Promise<void> {
  const columns = outputColumns();
  const { rowsMax = ROWS.rowsMax, pages } = options;
  const text = () => viewText(view(answer, { ...ROWS, rowsMax }), columns === undefined ? {} : { columns });
  printAnswer(options, { answer, pages, text });
  if (draws(options)) await writeFiles(options, { view: view(answer, FILE_ROWS), facts: factsOf(options, answer) });
}

/** Loads the drawing library only when something is drawn. */
async function writeFiles(
  { svg, html }: ShowOptions,
  { view, facts }: { view: View; facts: readonly (readonly [string, string])[] },
): Promise<void> {
  const [{ pageHtml }, { chartSvg }] = await Promise.all([import('@pik/render'), import('@pik/render/pictures')]);
  const svgs = view.charts.map(chartSvg);
  if (svg !== undefined) writeFile(svg, svgs[0] ?? null);
  const footer = `Made by pik at ${new Date().toISOString()}. Times are UTC unless a zone is named.`;
  if (html !== undefined) writeFile(html, pageHtml(view, { svgs, facts, footer }));
}

/** Range, as-of time, server and command: a report says how to get it again. Keys are masked. */
function factsOf(options: GlobalOptions, answer: unknown): [name: string, value: string][] {
  const range = memberOf(answer, 'range');
  const facts: [string, string][] = [];
  if (range !== undefined)
    facts.push([
      'range',
      `${memberOf(range, 'start_time') ?? 'the first event'} to ${memberOf(range, 'end_time') ?? 'the last one'}`,
    ]);
  for (const [name, value] of [
    ['as of', memberOf(range, 'as_of') ?? memberOf(answer, 'as_of')],
    ['time zone', memberOf(range, 'time_zone')],
  ] as const)
    if (typeof value === 'string') facts.push([name, value]);
  facts.push(['server', withoutSecrets(connection(options).url)]);
  facts.push(['command', withoutSecrets(['pik', ...process.argv.slice(2).map(quoted)].join(' '))]);
  return facts;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** An argument as a shell takes it. */
const quoted = (arg: string) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`);

function writeFile(file: string, text: string | null): void {
  if (text === null) {
    writeErr(`there is nothing to draw; ${file} was not written\n`);
    return;
  }
  writeFileSync(file, text);
  writeErr(`written: ${file}\n`);
}
