// docs/questions/*.md is written from a run: `npx vitest run packages/cli/test/question-pages.test.ts -u`.
import { ROUTES } from '@pik/schema';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { fileOf, type Kit, openKit, runPik } from './support/kit.ts';
import { freshRecords, NOW_MS, SHOWN, type ShownQuestion, shopRecords } from './support/question-examples.ts';

let kit: Kit;
beforeAll(async () => {
  vi.spyOn(Date, 'now').mockReturnValue(NOW_MS);
  kit = await openKit({ now: () => NOW_MS });
  for (const [command, records] of [
    ['import', shopRecords()],
    ['ingest', freshRecords()],
  ] as const)
    expect((await runPik(command, fileOf(records.join('\n')), '--url', kit.url)).code).toBeLessThan(2);
  const day = ['--entity', 'cart-3', '--from', '2026-03-10', '--to', '2026-03-11'];
  for (const asOf of [['--as-of', '2026-03-11'], []])
    expect(await runPik('replay', ...day, ...asOf, '--reason', 'for these pages', '--url', kit.url)).toMatchObject({
      code: 0,
    });
});
afterAll(async () => {
  await kit.close();
  vi.restoreAllMocks();
});

const quoted = (arg: string) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg}'`);

/** The same in every run: ids that the kit makes, the port, and white space at the ends of lines. */
function stable(text: string): string {
  return (
    text
      .replaceAll(
        /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g,
        '019d0000-0000-7000-8000-000000000000',
      )
      .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, 'http://127.0.0.1:4600')
      // The size of compressed packs depends on ids.
      .replaceAll(/packs of [\d,]+ bytes/g, 'packs of 111,000 bytes')
      .replaceAll(/[ \t]+$/gm, '')
      .trimEnd()
  );
}

/** The route that a page is about, by the command. */
const ROUTE_OF: Readonly<Record<string, keyof typeof ROUTES>> = {
  events: 'timeline',
  explain: 'event',
  'explain-change': 'explainChange',
  history: 'versions',
};

async function pageOf({ name, text, commands, method }: ShownQuestion): Promise<string> {
  const route = ROUTES[ROUTE_OF[name] ?? (name in ROUTES ? (name as keyof typeof ROUTES) : 'lag')];
  const lines = [`# pik ${name.replace('-', ' ')}`, '', text, ''];
  for (const command of commands) {
    const { stdout, stderr } = await runPik(...command, '--url', kit.url);
    expect([command.join(' '), stderr]).toEqual([command.join(' '), '']);
    expect(stdout).not.toBe('');
    lines.push('```sh', `pik ${command.map(quoted).join(' ')}`, '```', '', '```text', stable(stdout), '```', '');
  }
  const isAlone = !(name in ROUTES) && ROUTE_OF[name] === undefined;
  lines.push(
    isAlone
      ? 'It asks `lag`, `gaps` and `failures`, and reads the dead letters.'
      : `Over HTTP: \`${route.method} ${route.path}\`. From TypeScript: \`investigator.${method}(…)\`. The fields and flags are in [Routes and questions](../questions.md).`,
    '',
    'The data is a month of a shop, made by `packages/cli/test/support/question-examples.ts`; a test runs the command and compares this output.',
  );
  return `${lines.join('\n')}\n`;
}

describe('docs/questions', () => {
  it.each(SHOWN.map((one) => [one.name, one] as const))(
    '%s.md shows the output of its commands',
    async (name, shown) => {
      await expect(await pageOf(shown)).toMatchFileSnapshot(`../../../docs/questions/${name}.md`);
    },
  );

  it('has a list of them', async () => {
    const rows = SHOWN.map(
      ({ name, text }) => `| [\`pik ${name.replace('-', ' ')}\`](${name}.md) | ${/^.*?\.(?= |$)/.exec(text)?.[0]} |`,
    );
    const lines = [
      '# Questions, with examples',
      '',
      'One page per question. [Routes and questions](../questions.md) has all fields and flags.',
      '',
      '| Command | When to ask |',
      '|---|---|',
      ...rows,
    ];
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('../../../docs/questions/index.md');
  });
});
