import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

import { anchorsOf, linksIn, slugOf } from './markdown-links.ts';

const root = join(import.meta.dirname, '..');
const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && !file.startsWith('.changeset/') && existsSync(join(root, file)));
const anchors = new Map<string, Set<string>>();
const anchorsIn = (file: string) => {
  const known = anchors.get(file) ?? anchorsOf(readFileSync(file, 'utf8'));
  anchors.set(file, known);
  return known;
};

/** The reason why a link leads nowhere; null if it leads somewhere. */
function faultOf(page: string, link: string): string | null {
  if (/^[a-z]+:/.test(link)) return null;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(root, page) : join(root, dirname(page), decodeURI(path));
  if (!existsSync(target)) return 'no such file';
  if (relative(root, target).startsWith('..')) return 'outside the repository';
  if (anchor === undefined || statSync(target).isDirectory() || !target.endsWith('.md')) return null;
  return anchorsIn(target).has(anchor) ? null : 'no such heading';
}

describe('documents', () => {
  it('link to files and headings that exist', () => {
    const faults = pages.flatMap((page) =>
      linksIn(readFileSync(join(root, page), 'utf8')).flatMap((link) => {
        const fault = faultOf(page, link);
        return fault === null ? [] : [`${page}: ${link}: ${fault}`];
      }),
    );
    expect(faults).toEqual([]);
    expect(pages.length).toBeGreaterThan(40);
  });

  it('are all reached from the README or from another page', () => {
    const linked = new Set(
      pages.flatMap((page) =>
        linksIn(readFileSync(join(root, page), 'utf8')).map((link) =>
          relative(root, join(root, dirname(page), link.split('#')[0] ?? '')),
        ),
      ),
    );
    // The home page of the site is where a visitor begins.
    const lost = pages.filter((page) => /^docs\/(?!decisions\/|index\.md$)/.test(page) && !linked.has(page));
    expect(lost).toEqual([]);
  });
});

it('an anchor is that of GitHub', () => {
  expect(slugOf('What makes two receipts one event?')).toBe('what-makes-two-receipts-one-event');
  expect(slugOf('JSON_SYNTAX')).toBe('json_syntax');
  expect([...anchorsOf('# A `b`\n\n## A b\n\n```\n# no\n```\n')]).toEqual(['a-b', 'a-b-1']);
  expect(linksIn('[a](b.md#c) `[x](y)` ![p](q.svg)\n```\n[z](z)\n```\n')).toEqual(['b.md#c', 'q.svg']);
});
