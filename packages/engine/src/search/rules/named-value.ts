import type { Expression } from './expression.ts';

/** A field that stands as text in every envelope, and a value that each match has in it. */
export interface NamedValue {
  readonly field: 'entity_id' | 'event_type' | 'source';
  readonly value: string;
}

/** From the field that tells most receipts apart to the one that tells fewest. */
const FIELDS = ['entity_id', 'event_type', 'source'] as const;

/** The value of a field that an expression requires; null if it requires none. */
export function namedValueOf(expression: Expression): NamedValue | null {
  const required = valuesIn(expression);
  for (const field of FIELDS) {
    const one = required.find((named) => named.field === field);
    if (one !== undefined) return one;
  }
  return null;
}

function valuesIn(expression: Expression): NamedValue[] {
  if (expression.kind === 'and') return expression.parts.flatMap(valuesIn);
  if (expression.kind !== 'compare' || expression.to.kind !== 'text') return [];
  const field = FIELDS.find((one) => one === expression.path.field);
  const isEqual = expression.by === '=' || expression.by === '==';
  return field !== undefined && isEqual ? [{ field, value: expression.to.text }] : [];
}
