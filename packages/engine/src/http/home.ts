import { ROUTES, type Route, type RouteName, scopesOf } from '@pik/schema';
import { html } from 'hono/html';

import type { Answer } from './call.ts';
import { consoleAnswer } from './console.ts';

/** The first page: the console for a browser, and the list of routes as text for every other client. */
export async function home(_: unknown, { request }: { readonly request: Request }): Promise<Answer> {
  return wantsPage(request) ? consoleAnswer('') : routesAnswer(false);
}

/** The list of routes: a page for a browser, text for every other client. */
export function listRoutes(_: unknown, { request }: { readonly request: Request }): Answer {
  return routesAnswer(wantsPage(request));
}

function routesAnswer(asPage: boolean): Answer {
  const type = `text/${asPage ? 'html' : 'plain'}; charset=utf-8`;
  return { status: 200, type, body: asPage ? routesPage() : routesText(), headers: { vary: 'accept' } };
}

/** Browsers name HTML when they ask for a page; others ask for anything. */
function wantsPage(request: Request): boolean {
  return /\btext\/html\b/i.test(request.headers.get('accept') ?? '');
}

let page: string | null = null;

/** The list of routes as a page, without scripts, styles or caller input. */
export function routesPage(): string {
  page ??= String(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Pipeline Investigation Kit</title></head>
<body>
<h1>Pipeline Investigation Kit</h1>
<p>A black box for event pipelines. This API as <a href="openapi.json">OpenAPI</a>, and <a href="ui">the console</a>.</p>
<table>
<thead><tr><th>Route</th><th>Scope</th><th>What it does</th></tr></thead>
<tbody>
${routes().map(row)}
</tbody>
</table>
</body>
</html>
`);
  return page;
}

const routes = () => Object.entries(ROUTES) as [RouteName, Route][];

const scopeText = (name: RouteName) => scopesOf(name).join(', ');

function row([name, { method, path, summary }]: [RouteName, Route]) {
  return html`<tr><td><code>${method} ${path}</code></td><td>${scopeText(name)}</td><td>${summary}</td></tr>
`;
}

/** The list of routes as text, one a line. */
export function routesText(): string {
  const lines = routes().map(
    ([name, { method, path, summary }]) =>
      `${method.padEnd(4)} ${path.padEnd(28)} ${scopeText(name).padEnd(19)} ${summary}`,
  );
  return `Pipeline Investigation Kit. The console for a browser is at /ui, this API as OpenAPI at /openapi.json.\n\n${lines.join('\n')}\n`;
}
