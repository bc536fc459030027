import { type QuestionViews, VIEWS } from '@pik/render';
import { type Field, flagOf, type GivenOf, QUESTIONS, type Question, type QuestionName } from '@pik/schema';
import type { Command } from 'commander';

import { many } from '../program/client.ts';
import { investigator } from '../session.ts';
import { draws, type ShowOptions, show } from '../show.ts';
import { type RangeOptions, startOf, TIMES_HELP } from '../times.ts';

/** Parsed options of a question's command. */
export interface AskOptions extends ShowOptions, RangeOptions {
  readonly [flag: string]: unknown;
}

/** True for a list whose items are given one by one, since they may contain commas. */
const isRepeated = ({ kind, values }: Field) => kind === 'list' && values === undefined;

/** Adds a flag per field to the command of a question or an action, and the flags that write charts. */
export function withFlags(
  command: Command,
  { fields, draws: hasCharts }: Pick<Question, 'fields'> & { draws: boolean },
): Command {
  for (const [name, field] of Object.entries(fields)) {
    const flag = field.kind === 'switch' ? flagOf(name) : `${flagOf(name)} <${field.placeholder}>`;
    if (isRepeated(field)) command.option(flag, field.doc, many);
    else if (field.isRequired) command.requiredOption(flag, field.doc);
    else command.option(flag, field.doc);
    if (name === 'start_time') command.option('--since <time>', 'the same as --from, such as --since 2h');
  }
  if (hasCharts)
    command
      .option('--svg <file>', 'write the chart as SVG to this file')
      .option('--html <file>', 'write the answer with its charts to this self-contained file');
  const isTimed = Object.values(fields).some(({ kind }) => kind === 'time');
  return isTimed ? command.addHelpText('after', TIMES_HELP) : command;
}

/** The fields without some that a command does not offer as flags, such as the cursor if it reads all pages. */
export function flagsWithout<F extends object, K extends keyof F>(fields: F, ...names: readonly K[]): Omit<F, K> {
  const rest: Omit<F, K> & { [N in K]?: unknown } = { ...fields };
  for (const name of names) delete rest[name];
  return rest;
}

/** Converts a command's options to a selection. The server reports invalid values. */
export function givenOf<Q extends Pick<Question, 'fields'>>({ fields }: Q, options: AskOptions): GivenOf<Q> {
  const given = Object.entries(fields).map(([name, field]) => [name, readOption(field, optionOf(name, options))]);
  return Object.fromEntries(given) as GivenOf<Q>;
}

function optionOf(name: string, options: AskOptions): unknown {
  if (name === 'start_time') return startOf(options);
  // Commander's name for the flag.
  return options[
    flagOf(name)
      .slice(2)
      .replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  ];
}

function readOption({ kind }: Field, option: unknown): unknown {
  if (option === undefined || Array.isArray(option)) return option;
  if (kind === 'count') return Number(option);
  return kind === 'list' ? String(option).split(',') : option;
}

/** Asks a question and prints its answer, with at most `--limit` rows. Returns the verdict on the answer. */
export async function askQuestion<N extends QuestionName>(name: N, options: AskOptions): Promise<boolean> {
  const view: QuestionViews[N] = VIEWS[name];
  const given = givenOf(QUESTIONS[name], options);
  const pictured = draws(options) ? view.forPicture?.(given) : {};
  const answer = await investigator(options).ask(name, { ...given, ...pictured });
  const rowsMax = options.limit === undefined ? undefined : Number(options.limit);
  await show({ ...options, rowsMax, pages: QUESTIONS[name].pages }, answer, view);
  return view.verdict.isYes(answer);
}
