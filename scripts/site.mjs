// Builds the site of the documentation, and refuses one that would load anything from another host.
// node scripts/site.mjs
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const site = join(root, '.site');
execFileSync('vitepress', ['build', 'docs'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });

const files = readdirSync(site, { recursive: true, encoding: 'utf8' });
const html = files.filter((file) => file.endsWith('.html'));
assert.ok(html.length > 40, 'the site has its pages');
assert.ok(
  files.some((file) => /localSearchIndex/.test(file)),
  'the site has its search',
);
const loads = [
  // Links that a reader follows may lead anywhere; these are loaded without asking.
  [/\.html$/, /<(?:script|img|iframe|source|video)\b[^>]*\ssrc="(?:https?:)?\/\/[^"]*"/g],
  [/\.html$/, /<link\b[^>]*\shref="(?:https?:)?\/\/[^"]*"/g],
  [/\.css$/, /(?:url\(|@import )["']?(?:https?:)?\/\/[^)"']*/g],
  [/\.js$/, /\b(?:import|fetch)\(["'](?:https?:)?\/\/[^"']*/g],
];
const outside = loads.flatMap(([name, pattern]) =>
  files
    .filter((file) => name.test(file))
    .flatMap((file) =>
      (readFileSync(join(site, file), 'utf8').match(pattern) ?? []).map((found) => `${file}: ${found}`),
    ),
);
assert.deepEqual(outside, []);
const short = html.filter((file) => /@pik\/[a-z]/.test(readFileSync(join(site, file), 'utf8')));
assert.deepEqual(short, [], 'the pages call the packages by their published names');
const errors = readFileSync(join(site, 'errors.html'), 'utf8');
assert.match(errors, /id="json_syntax"/, 'the anchors of errors are those in problem+json');
console.log(`site: ${html.length} pages in .site, which load nothing from other hosts`);
