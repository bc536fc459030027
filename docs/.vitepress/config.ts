import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { defineConfig } from 'vitepress';

import project from '../../package.json' with { type: 'json' };
import { slugOf } from '../../scripts/markdown-links.ts';

const docs = join(import.meta.dirname, '..');
const root = join(docs, '..');
const source = `${project.homepage.replace(/#.*$/, '')}/blob/main`;
const questions = [
  'status',
  'lag',
  'duplicates',
  'failures',
  'rejects',
  'gaps',
  'completeness',
  'find',
  'compare',
  'schema',
];
const values = ['events', 'explain', 'explain-change', 'compute', 'replay', 'history', 'verify'];

const page = (text: string, link: string) => ({ text, link });
const group = (text: string, items: ReturnType<typeof page>[]) => ({ text, items, collapsed: false });
const questionPage = (name: string) => page(`pik ${name.replace('-', ' ')}`, `/questions/${name}`);

/** The site over the pages of `docs`, which are also read in the repository. It loads nothing from other hosts. */
export default defineConfig({
  title: 'Pipeline Investigation Kit',
  description: project.description,
  outDir: join(root, '.site'),
  cacheDir: join(root, 'node_modules/.vitepress'),
  cleanUrls: true,
  // Notes about single decisions and about the repository are read there.
  srcExclude: ['decisions/**', 'house.md', 'mutants.md'],
  rewrites: {
    'INVESTIGATOR_GUIDE.md': 'guide.md',
    'DEVELOPER_GUIDE.md': 'developers.md',
    'ARCHITECTURE.md': 'architecture.md',
  },
  markdown: {
    anchor: { slugify: slugOf },
    config(md) {
      // Readers of the site have the published packages, readers of the repository have the sources.
      const render = md.render.bind(md);
      md.render = (text, env) => render(text.replaceAll(/@pik\/(?=[a-z])/g, `${project.release.scope}/`), env);
      md.core.ruler.push('outside', ({ tokens, env }) => {
        for (const link of tokens
          .flatMap(({ children }) => children ?? [])
          .filter(({ type }) => type === 'link_open')) {
          const outside = outsideOf(String(env.path ?? ''), link.attrGet('href') ?? '');
          if (outside !== null) link.attrSet('href', outside);
        }
      });
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      page('Quickstart', '/quickstart'),
      page('Questions', '/questions/'),
      page('Recipes', '/recipes'),
      page('Source', project.homepage),
    ],
    sidebar: [
      group('Begin', [
        page('Quickstart', '/quickstart'),
        page('Five minutes', '/five-minutes'),
        page('Concepts', '/concepts'),
        page('Identity', '/identity'),
        page('Glossary', '/glossary'),
        page('FAQ', '/faq'),
        page('Comparison', '/comparison'),
      ]),
      group('Send', [
        page('Producer', '/producer'),
        page('Middleware', '/middleware'),
        page('Doors', '/doors'),
        page('Taps', '/taps'),
        page('Networks', '/networks'),
      ]),
      group('Investigate', [
        page('Guide', '/guide'),
        page('Recipes', '/recipes'),
        page('Console', '/console'),
        page('Command line', '/cli'),
        page('Values', '/values'),
        page('Investigations', '/investigations'),
        page('Cadence', '/cadence'),
      ]),
      { ...group('Questions, with examples', [...questions, ...values].map(questionPage)), collapsed: true },
      group('Operate', [
        page('One machine', '/operations'),
        page('Monitors and alerts', '/monitors'),
        page('Assistants (MCP)', '/assistants'),
        page('Other stores', '/reconcile'),
        page('Deliveries', '/deliver'),
        page('Prove it', '/prove-it'),
        page('Forget a person', '/forget-a-person'),
        page('Troubleshooting', '/troubleshooting'),
        page('Errors', '/errors'),
        page('Limits', '/limits'),
        page('Guarantees', '/guarantees'),
        page('Figures', '/figures'),
      ]),
      group('Reference', [
        page('Routes and questions', '/questions'),
        page('API', '/api/'),
        page('Packages', '/packages'),
        page('Architecture', '/architecture'),
        page('Developer guide', '/developers'),
        page('Faults', '/faults'),
      ]),
    ],
    footer: { message: `${project.license} licence` },
  },
});

/** The address in the repository of a link to a file without a page on the site; null for all other links. */
function outsideOf(file: string, href: string): string | null {
  if (/^[a-z]+:|^#/.test(href) || href === '') return null;
  const [path = '', anchor] = href.split('#');
  const target = join(dirname(file), path);
  const isPage =
    target.startsWith(`${docs}/`) && !/\/(decisions|house\.md|mutants\.md)/.test(target.slice(docs.length));
  if (isPage || !existsSync(target)) return null;
  return `${source}/${relative(root, target)}${anchor === undefined ? '' : `#${anchor}`}`;
}
