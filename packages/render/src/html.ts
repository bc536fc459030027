import { cellText, numericColumns, printable } from './format.ts';
import type { View } from './view.ts';

/** Escapes text for HTML: no character of it is markup or changes the reading direction. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** An answer as an HTML fragment: charts first, then text and tables, all escaped. */
export function viewHtml({ blocks }: View, svgs: readonly string[] = []): string {
  const pictures = svgs.map((svg) => `<figure>${svg}</figure>`);
  const rest = blocks.map((block) => {
    if (block.kind === 'text') return `<p style="overflow-wrap:anywhere">${escapeHtml(block.text)}</p>`;
    const right = numericColumns(block.head, block.rows);
    const cell = (tag: 'th' | 'td', text: string, column: number) =>
      `<${tag}${styleOf(text, right[column] === true)}>${escapeHtml(text)}</${tag}>`;
    const head = `<tr>${block.head.map((name, i) => cell('th', name, i)).join('')}</tr>`;
    const rows = block.rows.map((row) => `<tr>${row.map((value, i) => cell('td', cellText(value), i)).join('')}</tr>`);
    return `<table><thead>${head}</thead><tbody>${rows.join('')}</tbody></table>`;
  });
  return `<div class="pik">${[...pictures, ...rest].join('\n')}</div>`;
}

/** Longer texts wrap; times, ids and amounts do not. */
const UNBROKEN_CHARS_MAX = 48;

function styleOf(text: string, right: boolean): string {
  const styles = [
    'padding:.2em .6em',
    ...(right ? ['text-align:right'] : ['text-align:left']),
    text.length <= UNBROKEN_CHARS_MAX ? 'white-space:nowrap' : 'overflow-wrap:anywhere',
  ];
  return ` style="${styles.join(';')}"`;
}

const STYLE = `body{font:14px/1.4 system-ui,"Segoe UI","DejaVu Sans",sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}
th,td{border-bottom:1px solid #ddd;vertical-align:top}
thead th{border-bottom:2px solid #999}figure{margin:1rem 0;overflow-x:auto}figure svg{max-width:none}dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem;color:#555}dd{margin:0;overflow-wrap:anywhere}footer{color:#666;margin-top:2rem}`;

/** Parts of a report besides its view. */
export interface PageParts {
  readonly svgs: readonly string[];
  /** Names and values below the title, such as range, as-of time, server and command. */
  readonly facts?: readonly (readonly [name: string, value: string])[] | undefined;
  readonly footer: string;
}

/**
 * A self-contained HTML report: one file without scripts or external references, which its content security policy
 * forbids as well.
 *
 * @example
 * import { lagView, pageHtml } from '@pik/render';
 * import { chartSvg } from '@pik/render/pictures';
 *
 * const options = { rowsMax: 40, fullAnswer: 'the answer has all', next: () => 'there is more' };
 * const view = lagView(await kit.lag({ start_time: '7d' }), options);
 * const html = pageHtml(view, { svgs: view.charts.map(chartSvg), footer: 'Made this morning.' });
 */
export function pageHtml(view: View, { svgs, facts = [], footer }: PageParts): string {
  const rows = facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
  const title = escapeHtml(view.title);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
${rows.length === 0 ? '' : `<dl>${rows.join('')}</dl>`}
${viewHtml(view, svgs)}
<footer>${escapeHtml(footer)}</footer>
</body>
</html>
`;
}
