import { ROUTES, type Route } from '@pik/schema';
import { html } from 'hono/html';

let page: string | null = null;

/** The HTML index of the routes, without scripts, styles or caller input. */
export function homePage(): string {
  page ??= String(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Pipeline Investigation Kit</title></head>
<body>
<h1>Pipeline Investigation Kit</h1>
<p>A black box for event pipelines. The same surface as <a href="openapi.json">OpenAPI</a>.</p>
<table>
<thead><tr><th>Route</th><th>Scope</th><th>What it does</th></tr></thead>
<tbody>
${Object.values(ROUTES).map(row)}
</tbody>
</table>
</body>
</html>
`);
  return page;
}

function row({ method, path, scope, summary }: Route) {
  return html`<tr><td><code>${method} ${path}</code></td><td>${scope ?? ''}</td><td>${summary}</td></tr>
`;
}
