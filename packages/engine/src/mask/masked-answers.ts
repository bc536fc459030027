import {
  type Fields,
  fieldFault,
  KitError,
  type LinesName,
  type MaskRules,
  maskAnswer,
  maskLine,
  type Receipt,
  ROUTES,
  type Route,
  type RouteName,
  type SelectionOf,
  type TailItem,
} from '@pik/schema';

import { namesMasked } from './rules/masked-paths.ts';

/** A question of a caller who may not see masked values. */
export interface MaskedQuestion<N extends RouteName> {
  readonly name: N;
  readonly given: SelectionOf<N>;
  readonly rules: MaskRules;
}

/**
 * Refuses a question whose answer depends on masked values, before it is answered: presence, order or a sum would reveal them.
 *
 * @throws KitError `FORBIDDEN`.
 */
export function checkMasked<N extends RouteName>({ name, given, rules }: MaskedQuestion<N>): void {
  const { fields = {}, exposes }: Route = ROUTES[name];
  const values: Readonly<Record<string, unknown>> = { ...given };
  for (const field of expressionFields(fields)) {
    const text = values[field];
    if (typeof text !== 'string') continue;
    // The field may hold an expression or a path.
    if (namesMasked(text, rules.mask) || namesMasked(`has(${text})`, rules.mask))
      throw forbidden(field, 'names a masked member; that needs the scope sensitive');
  }
  const { metric } = values;
  if (exposes === 'payload' && typeof metric === 'string' && rules.isMaskedMetric(metric))
    throw forbidden('metric', 'reads payloads with masked members; that needs the scope sensitive');
}

/** The fields that take an expression or a path of a receipt. */
function expressionFields(fields: Fields): string[] {
  return Object.entries(fields).flatMap(([name, { isExpression = false }]) => (isExpression ? [name] : []));
}

function forbidden(field: string, rule: string): KitError {
  const { message, path } = fieldFault(field, rule);
  return new KitError('FORBIDDEN', message, path === undefined ? {} : { path });
}

/** The answer of a question, masked. Throws as `checkMasked` and `maskAnswer`. */
export async function maskedAnswer<N extends RouteName, A>(
  question: MaskedQuestion<N>,
  answer: () => Promise<A>,
): Promise<A> {
  checkMasked(question);
  const { response }: Route = ROUTES[question.name];
  return maskAnswer(response, await answer(), question.rules);
}

/** The lines of a question, masked. Each chunk has whole lines. */
export async function* maskedLines<N extends LinesName>(
  question: MaskedQuestion<N>,
  chunks: () => AsyncIterable<string>,
): AsyncGenerator<string> {
  checkMasked(question);
  for await (const chunk of chunks()) {
    const lines = chunk.split('\n').filter((line) => line !== '');
    yield lines.map((line) => `${maskLine(line, question.rules)}\n`).join('');
  }
}

/** The items of a stream, masked. Throws as `checkMasked`. */
export async function* maskedItems(
  question: MaskedQuestion<'tail'>,
  items: AsyncIterable<TailItem>,
): AsyncGenerator<TailItem> {
  checkMasked(question);
  for await (const item of items)
    yield item.kind === 'match' ? { ...item, json: maskLine(item.json, question.rules) } : item;
}

/** Refuses the bytes of a receipt that has masked members. Throws `FORBIDDEN`. */
export function checkReceipt(receipt: Receipt, rules: MaskRules): void {
  const { body } = maskAnswer(ROUTES.receipt.response, receipt, rules);
  if (body === undefined || body !== receipt.body)
    throw new KitError(
      'FORBIDDEN',
      'the receipt has masked members, which need the scope sensitive; JSON shows the rest',
    );
}
