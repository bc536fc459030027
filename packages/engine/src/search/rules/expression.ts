import type { SEARCH_FIELDS } from '@pik/schema';
import type { Numeral } from './numeral.ts';

/** A field of a receipt. */
export type SearchField = (typeof SEARCH_FIELDS)[number];

/** One step into the payload: a member, an element of a list, or any element. */
export type Step =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'element'; readonly index: number }
  | { readonly kind: 'any' };

/** The place of a value in a receipt. Only `payload` has steps. */
export interface Path {
  readonly field: SearchField;
  readonly steps: readonly Step[];
}

/** A value that an expression compares with. */
export type Literal =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly numeral: Numeral }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' };

/** How a value is compared: `=` equals the literal or is its text; `==` equals the literal alone. */
export type Comparison = '=' | '==' | '<' | '<=' | '>' | '>=';

/** An expression about one receipt. A comparison with a value that is missing, or of another type, is false. */
export type Expression =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly kind: 'not'; readonly part: Expression }
  | { readonly kind: 'has'; readonly path: Path }
  | {
      readonly kind: 'compare';
      readonly path: Path;
      readonly by: Comparison;
      readonly to: Literal;
      readonly word: string | null;
    }
  | { readonly kind: 'in'; readonly path: Path; readonly values: readonly Literal[] }
  | { readonly kind: 'contains' | 'startsWith'; readonly path: Path; readonly text: string };

/** The expression that every receipt matches. */
export const EVERY_RECEIPT: Expression = { kind: 'and', parts: [] };

/** True if a comparison needs the digits of numbers in payloads. */
export function needsDigits(expression: Expression): boolean {
  switch (expression.kind) {
    case 'and':
    case 'or':
      return expression.parts.some(needsDigits);
    case 'not':
      return needsDigits(expression.part);
    case 'compare':
      return expression.to.kind === 'number';
    case 'in':
      return expression.values.some(({ kind }) => kind === 'number');
    default:
      return false;
  }
}
