import type { Expression, Literal, Path } from './expression.ts';
import { plainDigits } from './numeral.ts';
import { hashOf, SOME_EXPONENT, sureWords } from './words.ts';

/** The words that a pack must have for a line to match: one of them, or those of all or of some parts. */
export type WordNeed = number | { readonly kind: 'all' | 'any'; readonly parts: readonly WordNeed[] };

/** The words that every match of an expression needs; null if none. */
export function wordNeedOf(expression: Expression): WordNeed | null {
  switch (expression.kind) {
    case 'and':
      return allOf(expression.parts.map(wordNeedOf));
    case 'or':
      return anyOf(expression.parts.map(wordNeedOf));
    case 'not':
      return null;
    case 'has':
      return namesNeed(expression.path);
    case 'contains':
      return allOf([namesNeed(expression.path), partNeed(expression, 'middle')]);
    case 'startsWith':
      return allOf([namesNeed(expression.path), partNeed(expression, 'start')]);
    case 'in':
      return valuesNeed(expression.path, expression.values);
    case 'compare': {
      const { path, by, to, word } = expression;
      if (by !== '=' && by !== '==') return namesNeed(path);
      return valuesNeed(path, word === null ? [to] : [to, { kind: 'text', text: word }]);
    }
  }
}

/** True unless the words show that no line matches. */
export function hasWords(need: WordNeed, has: (hash: number) => boolean): boolean {
  if (typeof need === 'number') return has(need);
  const test = (part: WordNeed) => hasWords(part, has);
  return need.kind === 'all' ? need.parts.every(test) : need.parts.some(test);
}

function allOf(needs: readonly (WordNeed | null)[]): WordNeed | null {
  const parts = needs.filter((need) => need !== null);
  return parts.length === 0 ? null : { kind: 'all', parts };
}

function anyOf(needs: readonly (WordNeed | null)[]): WordNeed | null {
  const parts = needs.filter((need) => need !== null);
  return parts.length < needs.length || parts.length === 0 ? null : { kind: 'any', parts };
}

const wordsNeed = (words: readonly string[]) => allOf(words.map(hashOf));

/** Fields whose values a line has as they are written in an expression, from end to end. */
const WHOLE_TEXTS = new Set([
  'source',
  'event_type',
  'entity_id',
  'event_id',
  'request_id',
  'principal',
  'key',
  'producer',
]);

/** Of a trace id, which is a part of `traceparent` between dashes, the words are whole too. */
const isWhole = ({ field }: Path) => field === 'payload' || field === 'trace_id' || WHOLE_TEXTS.has(field);

function partNeed({ path, text }: { path: Path; text: string }, part: 'start' | 'middle'): WordNeed | null {
  if (path.field === 'trace_id' || !isWhole(path)) return null;
  return wordsNeed(sureWords(text, part));
}

/** The names of the members on a path. */
function namesNeed({ steps }: Path): WordNeed | null {
  return allOf(steps.map((step) => (step.kind === 'member' ? wordsNeed(sureWords(step.name)) : null)));
}

function valuesNeed(path: Path, values: readonly Literal[]): WordNeed | null {
  return allOf([namesNeed(path), anyOf(values.map((value) => (isWhole(path) ? valueNeed(value) : null)))]);
}

function valueNeed(value: Literal): WordNeed | null {
  if (value.kind === 'text') return wordsNeed(sureWords(value.text));
  if (value.kind === 'boolean') return hashOf(String(value.value));
  if (value.kind === 'null') return hashOf('null');
  const digits = plainDigits(value.numeral);
  return digits === null ? null : { kind: 'any', parts: [hashOf(digits), SOME_EXPONENT] };
}
