/** An answer that fits, and what was left out of it. */
export interface Bounded {
  /** JSON of the answer. */
  readonly json: string;
  /** Lists of the answer that were cut: path, items shown, items in all. */
  readonly cut: readonly { readonly path: string; readonly shown: number; readonly of: number }[];
  /** Texts that were shortened. */
  readonly texts: number;
}

interface Bounds {
  readonly items: number;
  readonly chars: number;
}

/** From generous to tight: the first bounds whose answer fits are taken. */
const STEPS: readonly Bounds[] = [
  { items: Number.POSITIVE_INFINITY, chars: Number.POSITIVE_INFINITY },
  { items: Number.POSITIVE_INFINITY, chars: 2_000 },
  { items: 100, chars: 1_000 },
  { items: 50, chars: 500 },
  { items: 20, chars: 300 },
  { items: 10, chars: 200 },
  { items: 5, chars: 100 },
  { items: 2, chars: 60 },
  { items: 1, chars: 30 },
];

/** Shortens lists and texts of an answer until its JSON has at most `charsMax` characters. */
export function bound(answer: unknown, charsMax: number): Bounded {
  for (const bounds of STEPS) {
    const bounded = cutTo(answer, bounds);
    if (bounded.json.length <= charsMax) return bounded;
  }
  // Many members, each small: only their names are left.
  const names = typeof answer === 'object' && answer !== null ? Object.keys(answer) : [];
  const json = JSON.stringify({ too_large: names.map((name) => name.slice(0, 60)).slice(0, 100) });
  return { json, cut: [], texts: 0 };
}

function cutTo(answer: unknown, { items, chars }: Bounds): Bounded {
  const cut: { path: string; shown: number; of: number }[] = [];
  let texts = 0;
  const walk = (value: unknown, path: string): unknown => {
    if (typeof value === 'string') {
      if (value.length <= chars) return value;
      texts++;
      return `${value.slice(0, chars)}… (${value.length} characters)`;
    }
    if (Array.isArray(value)) {
      if (value.length > items) cut.push({ path, shown: items, of: value.length });
      return value.slice(0, items).map((item) => walk(item, `${path}[]`));
    }
    if (typeof value !== 'object' || value === null) return value;
    const members = Object.entries(value).map(([name, member]) => {
      const short = name.length > chars ? `${name.slice(0, chars)}…` : name;
      // A cursor that is cut would be refused.
      return [short, name === 'next_cursor' ? member : walk(member, path === '' ? short : `${path}.${short}`)];
    });
    return Object.fromEntries(members);
  };
  return { json: JSON.stringify(walk(answer, '')) ?? 'null', cut: merged(cut), texts };
}

/** The lists of equal paths, such as `groups[].days`, as one entry. */
function merged(cut: Bounded['cut']): Bounded['cut'] {
  const byPath = new Map<string, { path: string; shown: number; of: number }>();
  for (const { path, shown, of } of cut) {
    const sum = byPath.get(path) ?? { path, shown: 0, of: 0 };
    byPath.set(path, { path, shown: sum.shown + shown, of: sum.of + of });
  }
  return [...byPath.values()].slice(0, 10);
}
