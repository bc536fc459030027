import { isBelow, type Mask, overlaps, type PointerSteps } from '@pik/schema';

import type { Expression, Path } from '../../search/rules/expression.ts';
import { parseExpression } from '../../search/rules/parse-expression.ts';

/** A path contains no time, so the base of relative times does not matter. */
const NO_BASE = { nowMs: 0, timeZone: 'UTC' };

/** The place of a path in a payload; null for a path that leads elsewhere. */
function placeOf({ field, steps }: Path): PointerSteps | null {
  if (field !== 'payload') return null;
  return steps.map((step) => (step.kind === 'member' ? step.name : step.kind === 'any' ? '*' : String(step.index)));
}

/** True if a value at a path could be a masked value, contain one or lie in one. The whole received text always contains one. */
function isMasked(path: Path, mask: Mask): boolean {
  if (path.field === 'body') return true;
  const place = placeOf(path);
  return place !== null && mask.paths.some((masked) => overlaps(place, masked));
}

/** The paths that an expression names. */
function pathsIn(expression: Expression): readonly Path[] {
  switch (expression.kind) {
    case 'and':
    case 'or':
      return expression.parts.flatMap(pathsIn);
    case 'not':
      return pathsIn(expression.part);
    default:
      return [expression.path];
  }
}

/** True if an expression names a masked place. A text that cannot be parsed names none, since the question itself refuses it. */
export function namesMasked(text: string, mask: Mask): boolean {
  return readPaths(text)?.some((path) => isMasked(path, mask)) ?? false;
}

/** True if the path of a receipt, as an expression writes it, leads to a masked place, or one above or below. */
export function isMaskedPath(text: string, mask: Mask): boolean {
  return readPaths(`has(${text})`)?.some((path) => isMasked(path, mask)) ?? true;
}

/**
 * True if all values at a path are masked; a place above a masked one may also hold other values. A path that cannot be parsed counts as
 * masked.
 */
export function isBelowMasked(text: string, mask: Mask): boolean {
  const [path] = readPaths(`has(${text})`) ?? [];
  if (path === undefined) return true;
  const place = placeOf(path);
  return place !== null && mask.paths.some((masked) => isBelow(place, masked));
}

function readPaths(text: string): readonly Path[] | null {
  try {
    return pathsIn(parseExpression(text, NO_BASE));
  } catch {
    return null;
  }
}
