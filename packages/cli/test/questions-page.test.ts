// docs/questions.md is written from the declarations: `npx vitest run packages/cli/test/questions-page.test.ts -u`.
import { VIEWS } from '@pik/render';
import {
  type Field,
  flagOf,
  QUESTION_NAMES,
  QUESTIONS,
  ROUTES,
  type Route,
  type RouteName,
  scopesOf,
} from '@pik/schema';
import { expect, it } from 'vitest';

import { createProgram } from '../src/program.ts';

const row = (...cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const code = (text: string) => `\`${text}\``;

function routeRows(): string[] {
  return (Object.entries(ROUTES) as [RouteName, Route][]).map(
    ([name, { method, path, form, exposes, audit, summary }]) =>
      row(code(`${method} ${path}`), summary, scopesOf(name).map(code).join(', '), form, exposes, audit),
  );
}

function defaultOf({ fallback, isRequired }: Field): string {
  if (isRequired) return 'required';
  if (fallback === undefined) return '';
  if (typeof fallback === 'boolean') return fallback ? 'yes' : 'no';
  if (Array.isArray(fallback)) return fallback.length === 0 ? 'none' : code(fallback.join(','));
  return typeof fallback === 'number' && !Number.isFinite(fallback) ? 'open' : code(String(fallback));
}

/** The questions without a command of their name: each can be asked by it. */
function otherLines(): string[] {
  return (Object.entries(ROUTES) as [string, Route][]).flatMap(([name, { summary, fields, params }]) => {
    if (params === undefined || fields === undefined || name in QUESTIONS || isAction(name)) return [];
    const rows = Object.entries({ ...params, ...fields }).map(([field, declared]) =>
      row(code(field), defaultOf(declared), declared.doc),
    );
    const table = [row('Field', 'Default', 'Meaning'), '|---|---|---|', ...rows, ''];
    return [`## ${name}`, '', `${summary} \`investigator.ask('${name}', …)\``, '', ...(rows.length === 0 ? [] : table)];
  });
}

const isAction = (name: string) => (ROUTES as Record<string, Route>)[name]?.bodyFields !== undefined;

/** The actions: where each of their fields goes. */
function actionLines(): string[] {
  return (Object.entries(ROUTES) as [string, Route][]).flatMap(([name, { summary, fields, params, bodyFields }]) => {
    if (bodyFields === undefined) return [];
    const rows = Object.entries({ path: params, query: fields, body: bodyFields }).flatMap(([place, declared = {}]) =>
      Object.entries(declared).map(([field, one]) => row(code(field), place, defaultOf(one), one.doc)),
    );
    const table = [row('Field', 'In', 'Default', 'Meaning'), '|---|---|---|---|', ...rows, ''];
    return [`## ${name}`, '', `${summary} \`investigator.act('${name}', …)\``, '', ...table];
  });
}

function questionLines(): string[] {
  return QUESTION_NAMES.flatMap((name) => {
    const { fields, summary } = QUESTIONS[name];
    const { yes, no } = VIEWS[name].verdict;
    const statuses = no === null ? `0: ${yes}` : `0: ${yes}, 1: ${no}`;
    const rows = Object.entries(fields).map(([field, declared]) =>
      row(code(field), code(flagOf(field)), defaultOf(declared), declared.doc),
    );
    return [
      `## ${name}`,
      '',
      `${summary} \`pik ${name}\` (${statuses}), \`investigator.${name}()\``,
      '',
      row('Field', 'Flag', 'Default', 'Meaning'),
      '|---|---|---|---|',
      ...rows,
      '',
    ];
  });
}

it('docs/questions.md has every route, and the fields of every question', async () => {
  const lines = [
    '# Routes and questions',
    '',
    'Written from the declarations in `packages/schema` by `packages/cli/test/questions-page.test.ts`; do not edit it by hand.',
    'A key needs the scope, or both. After a command stand its exit statuses (`docs/cli.md`). *Exposes* is the most sensitive content of an answer; *audit* is the entry that a call gets in an audit log.',
    '',
    row('Route', 'Purpose', 'Scope', 'Answer', 'Exposes', 'Audit'),
    '|---|---|---|---|---|---|',
    ...routeRows(),
    '',
    ...questionLines(),
    ...otherLines(),
    ...actionLines(),
  ];
  await expect(`${lines.join('\n').trimEnd()}\n`).toMatchFileSnapshot('../../../docs/questions.md');
});

it('each question has a command with a flag for each of its fields', () => {
  const { commands } = createProgram(() => {});
  for (const name of QUESTION_NAMES) {
    const command = commands.find((one) => one.name() === name);
    const flags = command?.options.map(({ long }) => long);
    expect(flags).toEqual(expect.arrayContaining(Object.keys(QUESTIONS[name].fields).map(flagOf)));
  }
});

it('the commands about events, values, rejects and replays take their flags from the declarations', () => {
  const { commands } = createProgram(() => {});
  const changing = commands.find((command) => command.name() === 'explain')?.commands[0];
  const sources: [(typeof commands)[number] | undefined, Record<string, Field>, readonly string[]][] = [
    [commands.find((one) => one.name() === 'events'), ROUTES.timeline.fields, ['include', 'limit', 'cursor']],
    [commands.find((one) => one.name() === 'rejects'), ROUTES.rejects.fields, ['include', 'cursor']],
    [commands.find((one) => one.name() === 'history'), ROUTES.versions.fields, ['limit', 'cursor']],
    [commands.find((one) => one.name() === 'compute'), ROUTES.compute.fields, []],
    [changing, ROUTES.explainChange.fields, []],
    [commands.find((one) => one.name() === 'replay'), ROUTES.replay.bodyFields, ['replay_id', 'cursor', 'plan_hash']],
    [commands.find((one) => one.name() === 'reingest'), ROUTES.reingest.fields, []],
  ];
  for (const [command, fields, left] of sources) {
    const flags = command?.options.map(({ long }) => long);
    const own = Object.keys(fields).filter((name) => !left.includes(name));
    expect(flags).toEqual(expect.arrayContaining(own.map(flagOf)));
  }
});
