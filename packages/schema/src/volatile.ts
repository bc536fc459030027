import { KitError } from './errors.ts';
import { type PointerSteps, parsePointer, withoutPointer } from './json-pointer.ts';
import { EVENT_LIMITS } from './limits.ts';

/** The payload members that are not content, and the declaration that says so. */
export interface VolatileMembers {
  /** From 1; raise it with every change of the paths. Each receipt stores it together with the paths. */
  readonly version: number;
  /**
   * JSON pointers (RFC 6901) into the payload, such as `/attempt` or `/meta/delivered_at`. In an array, a step `*`
   * matches every element. A path that a payload does not have is ignored.
   */
  readonly paths: readonly string[];
}

/**
 * Declares payload members of one source and type that change from delivery to delivery and are not part of the event:
 * an attempt number, a delivery time, a signature. Content identity and conflict checks leave them out; the stored
 * bytes keep them.
 */
export interface VolatileDeclaration extends VolatileMembers {
  readonly source: string;
  readonly event_type: string;
}

/** The declaration for a source and type; null if there is none. */
export type VolatileOf = (source: string, event_type: string) => VolatileMembers | null;

/**
 * Checks declarations and returns a lookup by source and type.
 *
 * @throws KitError `CONFIG_INVALID` naming the unusable declaration.
 */
export function volatileRules(declarations: readonly VolatileDeclaration[]): VolatileOf {
  const found = new Map<string, Map<string, VolatileMembers>>();
  for (const [i, declaration] of declarations.entries()) {
    const fault = volatileFault(declaration);
    const refuse = (text: string) =>
      new KitError('CONFIG_INVALID', `volatile at ${i} ${text}`, { path: `/volatile/${i}` });
    if (fault !== null) throw refuse(fault);
    const { source, event_type, version, paths } = declaration;
    const ofSource = found.get(source) ?? new Map<string, VolatileMembers>();
    if (ofSource.has(event_type)) throw refuse(`declares ${event_type} of ${source} a second time`);
    found.set(source, ofSource.set(event_type, { version, paths: [...paths] }));
  }
  return (source, event_type) => found.get(source)?.get(event_type) ?? null;
}

/** The reason why a value cannot be a declaration; null if it can. */
export function volatileFault(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return 'must be an object';
  const { source, event_type, version, paths, ...rest }: { readonly [field: string]: unknown } = { ...value };
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return `has the unknown field ${unknown}`;
  if (typeof source !== 'string' || source === '') return 'needs the source that it applies to';
  if (typeof event_type !== 'string' || event_type === '') return 'needs the event_type that it applies to';
  return membersFault({ version, paths });
}

/** The reason why a value cannot be the stored form of a declaration; null if it can. */
export function membersFault({ version, paths }: { version?: unknown; paths?: unknown }): string | null {
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1)
    return 'needs a version, an integer from 1';
  if (!Array.isArray(paths) || paths.length === 0) return 'needs paths, a list of JSON pointers such as /attempt';
  if (paths.length > EVENT_LIMITS.volatile_paths_max) return `has more than ${EVENT_LIMITS.volatile_paths_max} paths`;
  for (const path of paths) {
    if (typeof path !== 'string' || path === '' || parsePointer(path) === null)
      return `has the path ${JSON.stringify(path)}, which is not a JSON pointer such as /attempt`;
    if (path.length > EVENT_LIMITS.volatile_path_chars_max || !path.isWellFormed())
      return `has a path of more than ${EVENT_LIMITS.volatile_path_chars_max} characters, or one that is not Unicode`;
  }
  return null;
}

/** Parsed steps, cached by declaration: most receipts share a few declarations. */
const parsed = new WeakMap<VolatileMembers, readonly PointerSteps[]>();

/** A payload without its volatile members; the payload itself if it has none. The input is not changed. */
export function withoutVolatile(payload: unknown, members: VolatileMembers | null): unknown {
  if (members === null) return payload;
  let steps = parsed.get(members);
  if (steps === undefined) {
    steps = members.paths.map((path) => parsePointer(path) ?? []);
    parsed.set(members, steps);
  }
  return steps.reduce<unknown>(withoutPointer, payload);
}
