import type { GroupName } from './report-scope.ts';

/** Values gathered by group, up to a limit; `full` reports that the limit was exceeded. */
export interface Groups<T> {
  of(name: GroupName): T | null;
  readonly full: boolean;
  readonly size: number;
  entries(): [GroupName, T][];
}

/** The final tiebreak of every ranking: each backend returns slices in its own order, but answers must be equal. */
export function compareNames(a: object, b: object): number {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Gathers values by group name. */
export function createGroups<T>(create: () => T, groupsMax: number): Groups<T> {
  const groups = new Map<string, [GroupName, T]>();
  let full = false;
  return {
    of(name) {
      const key = JSON.stringify(name);
      const known = groups.get(key);
      if (known !== undefined) return known[1];
      if (groups.size >= groupsMax) {
        full = true;
        return null;
      }
      const value = create();
      groups.set(key, [name, value]);
      return value;
    },
    get full() {
      return full;
    },
    get size() {
      return groups.size;
    },
    entries: () => [...groups.values()],
  };
}
