import type { CompareCondition } from '@pik/schema';

import type { Path } from '../../search/rules/expression.ts';

/** Names that an expression takes without quotes. */
const PLAIN_NAME = /^[\p{L}_$][\p{L}\p{N}_$-]*$/u;

/** The path of a member, as an expression writes it. */
export function memberPath(path: string, name: string): string {
  return PLAIN_NAME.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}

/** A path of an expression as text; elements of lists are any element. */
export function pathText({ field, steps }: Path): string {
  return steps.reduce(
    (path, step) => (step.kind === 'member' ? memberPath(path, step.name) : `${path}[*]`),
    `${field}`,
  );
}

/** A condition as an expression. */
export function conditionText({ path, is, value, from, to }: CompareCondition): string {
  if (is === 'MISSING') return `not has(${path})`;
  if (is === 'VALUE') return `${path} == ${JSON.stringify(value)}`;
  const bounds = [...(from === null ? [] : [`${path} >= ${from}`]), ...(to === null ? [] : [`${path} < ${to}`])];
  return bounds.join(' and ');
}

/** Conditions as an expression that all of them must meet. */
export function conditionsText(conditions: readonly CompareCondition[]): string {
  return conditions.map(conditionText).join(' and ');
}
