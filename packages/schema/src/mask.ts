import { KitError } from './errors.ts';
import { type PointerSteps, parsePointer } from './json-pointer.ts';
import { EVENT_LIMITS } from './limits.ts';

/** Stands for a masked value. */
export const MASKED = '•••';

/** Declares members of the payloads of one source and type that only callers with the scope `sensitive` see. */
export interface MaskDeclaration {
  readonly source: string;
  readonly event_type: string;
  /**
   * JSON pointers (RFC 6901) into the payload, such as `/email` or `/card`. A step `*` matches every member of an object and every
   * element of an array. Everything at and below the path is masked.
   */
  readonly paths: readonly string[];
}

/** Declared masks: what a caller without the scope `sensitive` may not see. */
export interface Mask {
  /** The masked places in payloads of a source and type; empty if all of the payload may be seen. */
  pathsOf(source: string, event_type: string): readonly PointerSteps[];
  /** The masked places of all sources and types. */
  readonly paths: readonly PointerSteps[];
  /** True if a metric that reads the payloads of these sources and types may show a masked value; absent: all of them. */
  covers(sources: readonly string[] | undefined, eventTypes: readonly string[] | undefined): boolean;
}

/**
 * Checks the declarations and returns the mask; null if there are none.
 *
 * @throws KitError `CONFIG_INVALID` naming the unusable declaration.
 */
export function maskOf(declarations: readonly MaskDeclaration[]): Mask | null {
  if (declarations.length === 0) return null;
  const read = declarations.map((declaration, i) => {
    const fault = maskFault(declaration);
    if (fault !== null) throw new KitError('CONFIG_INVALID', `mask at ${i} ${fault}`, { path: `/mask/${i}` });
    const { source, event_type, paths } = declaration;
    return { source, event_type, paths: paths.map((path) => parsePointer(path) ?? []) };
  });
  return {
    pathsOf: (source, event_type) =>
      read.filter((one) => one.source === source && one.event_type === event_type).flatMap(({ paths }) => paths),
    paths: read.flatMap(({ paths }) => paths),
    covers: (sources, eventTypes) =>
      read.some(
        ({ source, event_type }) =>
          (sources === undefined || sources.includes(source)) &&
          (eventTypes === undefined || eventTypes.includes(event_type)),
      ),
  };
}

/** The reason why a value cannot be a declaration; null if it can. */
function maskFault(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return 'must be an object';
  const { source, event_type, paths, ...rest }: { readonly [field: string]: unknown } = { ...value };
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return `has the unknown field ${unknown}`;
  if (typeof source !== 'string' || source === '') return 'needs the source that it applies to';
  if (typeof event_type !== 'string' || event_type === '') return 'needs the event_type that it applies to';
  if (!Array.isArray(paths) || paths.length === 0 || paths.length > EVENT_LIMITS.mask_paths_max)
    return `needs paths, a list of 1 to ${EVENT_LIMITS.mask_paths_max} JSON pointers such as /email`;
  const bad = paths.find((path) => typeof path !== 'string' || path === '' || parsePointer(path) === null);
  return bad === undefined ? null : `has the path ${JSON.stringify(bad)}, which is not a JSON pointer such as /email`;
}

const meets = (step: string, other: string) => step === other || step === '*' || other === '*';

/** True if one of two places lies at or below the other. */
export function overlaps(one: PointerSteps, other: PointerSteps): boolean {
  const shared = Math.min(one.length, other.length);
  return one.slice(0, shared).every((step, i) => meets(step, other[i] ?? ''));
}

/** True if a place lies at or below a masked one. */
export function isBelow(place: PointerSteps, masked: PointerSteps): boolean {
  return masked.length <= place.length && overlaps(place, masked);
}
