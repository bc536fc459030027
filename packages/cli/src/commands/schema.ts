import { QUESTIONS } from '@pik/schema';

import { formOf } from '../forms/forms.ts';
import { writeOut } from '../output.ts';
import { investigator } from '../session.ts';
import { type AskOptions, askQuestion, givenOf } from './question.ts';

/**
 * Prints what payloads look like. With `--json-schema`, and without another form, prints the JSON Schema alone: the one of the only
 * source and type, otherwise one per source and type under its name.
 */
export async function schema(options: AskOptions): Promise<boolean> {
  if (options.jsonSchema !== true || formOf(options) !== 'table') return askQuestion('schema', options);
  const { series } = await investigator(options).schema(givenOf(QUESTIONS.schema, options));
  const [first] = series;
  const all = Object.fromEntries(series.map((one) => [`${one.source} ${one.event_type}`, one.json_schema]));
  const shown = series.length === 1 && first !== undefined ? first.json_schema : all;
  writeOut(`${JSON.stringify(shown, null, 2)}\n`);
  return true;
}
