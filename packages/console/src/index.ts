import type { ConsoleFile } from './files.ts';

export { answerHash, type Case, caseHtml, differences, type Pin, readCase } from './case/case-file.ts';
export type { ConsoleFile } from './files.ts';

/** The folder of the scripts and the style, below the root of the API. */
export const CONSOLE_ASSETS = 'ui/assets/';

/**
 * The content security policy of the page: scripts, styles and requests of its own origin only, nothing inline, and no text
 * ever becomes a script.
 */
export const CONSOLE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

let files: Promise<ReadonlyMap<string, ConsoleFile>> | null = null;

/** The scripts and the style of the console by file name, made once. Names change with their content. */
export function consoleFiles(): Promise<ReadonlyMap<string, ConsoleFile>> {
  files ??= load();
  return files;
}

async function load(): Promise<ReadonlyMap<string, ConsoleFile>> {
  const { bundleConsole } = await import('./bundle.ts');
  return new Map(Object.entries(await bundleConsole()));
}

/**
 * The page itself, the same for every address below `ui`. `toRoot` is the relative path from the page's address to the root of
 * the API, such as `../`, so that it works behind any prefix.
 */
export async function consolePage(toRoot: string): Promise<string> {
  const names = [...(await consoleFiles()).keys()];
  const named = (start: string, end: string) =>
    `${toRoot}${CONSOLE_ASSETS}${names.find((name) => name.startsWith(start) && name.endsWith(end))}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Pipeline Investigation Kit</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${named('style-', '.css')}">
<script type="module" src="${named('main-', '.js')}"></script>
</head>
<body><div id="app"><noscript>The console needs JavaScript; the API and the command line do not.</noscript></div></body>
</html>
`;
}
