// A case: answers pinned in the console, with notes, as one file that opens offline. The same rules seal it in the browser and
// check it on the command line.
import { canonicalize, KitError, ROUTES, type RouteName, sha256Hex } from '@pik/schema';

/** A pinned answer. */
export interface Pin {
  /** The route that was asked. */
  readonly question: RouteName;
  /** Its path and query on the server, with the as-of time of the answer. */
  readonly path: string;
  /** When it was asked, by the clock of the browser. */
  readonly asked_at: string;
  /** The answer is as of this receive time; null if it has none. */
  readonly as_of: string | null;
  readonly note: string;
  readonly answer: unknown;
  /** SHA-256 of the canonical form (RFC 8785) of the answer. */
  readonly answer_sha256: string;
}

/** Pinned answers in the order in which they were pinned. */
export interface Case {
  readonly format: 'pik-case-1';
  readonly title: string;
  /** The server that answered. */
  readonly server: string;
  readonly exported_at: string;
  readonly pins: readonly Pin[];
}

/** SHA-256 of the canonical form of an answer, in hexadecimal digits. */
export function answerHash(answer: unknown): string {
  return sha256Hex(new TextEncoder().encode(canonicalize(answer)));
}

/** Members that may differ between two askings of one question as of one time: cursors, and whether receipts may still come. */
const OF_THE_MOMENT = ['next_cursor', 'unsettled'];

/** The top-level members in which two answers differ. */
export function differences(before: unknown, now: unknown): string[] {
  if (!isRecord(before) || !isRecord(now)) return answerHash(before) === answerHash(now) ? [] : ['the answer'];
  return [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((name) => !OF_THE_MOMENT.includes(name))
    .filter((name) => answerHash(before[name] ?? null) !== answerHash(now[name] ?? null));
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const START = '<script type="application/json" id="pik-case">';
const END = '</script>';

/** A case as one page: it runs nothing, loads nothing, and holds the answers with their hashes. */
export function caseHtml(file: Case): string {
  const data = JSON.stringify(file).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(file.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(file.title)}</h1>
<p>${file.pins.length} pinned answers of ${escaped(file.server)}, exported ${escaped(file.exported_at)}.
<code>pik verify-case FILE</code> asks them again and compares.</p>
${file.pins.map(pinHtml).join('\n')}
${START}${data}${END}
</body>
</html>
`;
}

const STYLE = `:root{color-scheme:light dark}body{font:14px/1.5 system-ui,sans-serif;max-width:980px;margin:32px auto;padding:0 16px}
section{border-top:1px solid #8886;padding:12px 0}pre{white-space:pre-wrap;overflow-wrap:anywhere;max-height:420px;overflow:auto;background:#8881;padding:10px;font-size:12px}
blockquote{margin:8px 0;padding:4px 12px;border-left:3px solid #1f5fbf;white-space:pre-wrap}code{font-size:12px;overflow-wrap:anywhere}`;

function pinHtml({ question, path, asked_at, as_of, note, answer, answer_sha256 }: Pin): string {
  return `<section>
<h2>${escaped(ROUTES[question].summary)}</h2>
<p><code>GET /${escaped(path)}</code><br>asked ${escaped(asked_at)}${as_of === null ? '' : `, as of ${escaped(as_of)}`}</p>
${note === '' ? '' : `<blockquote>${escaped(note)}</blockquote>`}
<details><summary>The answer</summary><pre>${escaped(JSON.stringify(answer, null, 2))}</pre></details>
<p><code>sha256 ${escaped(answer_sha256)}</code></p>
</section>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string) => text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);

/**
 * Reads a case from the text of its file.
 *
 * @throws KitError `FILE_INVALID` if the text is not a case, or names something that is not a question.
 */
export function readCase(text: string): Case {
  const start = text.lastIndexOf(START);
  const end = text.indexOf(END, start);
  let file: unknown;
  try {
    file = start < 0 || end < 0 ? null : JSON.parse(text.slice(start + START.length, end));
  } catch (cause) {
    throw new KitError('FILE_INVALID', 'the case in the file is damaged', { cause });
  }
  if (!isRecord(file) || file.format !== 'pik-case-1' || !Array.isArray(file.pins) || !file.pins.every(isPin))
    throw new KitError('FILE_INVALID', 'the file is not a case of the console');
  return file as unknown as Case;
}

function isPin(pin: unknown): boolean {
  if (!isRecord(pin) || typeof pin.path !== 'string' || typeof pin.answer_sha256 !== 'string') return false;
  if (typeof pin.question !== 'string' || !Object.hasOwn(ROUTES, pin.question)) return false;
  const { method, path } = ROUTES[pin.question as RouteName];
  const pattern = path.slice(1).replaceAll('.', '\\.').replace(/:\w+/g, '[^/?]+');
  return method === 'GET' && new RegExp(`^${pattern}(\\?.*)?$`).test(pin.path);
}
