/** The steps of a JSON pointer: names of members, or places in arrays. */
export type PointerSteps = readonly string[];

/**
 * The steps of a JSON pointer (RFC 6901), such as `/meta/attempt`: each begins with `/`, and in it `~1` stands for `/` and
 * `~0` for `~`. Null where the text is not one. The empty text, which names the whole, has no steps.
 */
export function parsePointer(text: string): PointerSteps | null {
  if (text === '') return [];
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return null;
  return text
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The pointer of these steps. */
export function pointerText(steps: PointerSteps): string {
  return steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** What a JSON value has at the end of the steps; undefined where it has nothing there. */
export function readPointer(value: unknown, steps: PointerSteps): unknown {
  let at = value;
  for (const step of steps) {
    if (typeof at !== 'object' || at === null) return undefined;
    if (Array.isArray(at) ? !isPlace(step) : !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

/**
 * A JSON value without what lies at the end of the steps; the value itself where nothing lies there. In an array, `*` stands
 * for every element. Nothing is changed in place.
 */
export function withoutPointer(value: unknown, steps: PointerSteps): unknown {
  const [step, ...rest] = steps;
  if (step === undefined || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return withoutElements(value, step, rest);
  if (!Object.hasOwn(value, step)) return value;
  if (rest.length === 0) {
    const { [step]: _, ...others } = value as Record<string, unknown>;
    return others;
  }
  const member = (value as Record<string, unknown>)[step];
  const reduced = withoutPointer(member, rest);
  return reduced === member ? value : { ...value, [step]: reduced };
}

function withoutElements(items: readonly unknown[], step: string, rest: PointerSteps): unknown {
  const isMeant = (at: number) => step === '*' || step === String(at);
  if (rest.length === 0) {
    const others = items.filter((_, at) => !isMeant(at));
    return others.length === items.length ? items : others;
  }
  const reduced = items.map((item, at) => (isMeant(at) ? withoutPointer(item, rest) : item));
  return reduced.every((item, at) => item === items[at]) ? items : reduced;
}

function isPlace(step: string): boolean {
  return /^(?:0|[1-9]\d*)$/.test(step);
}
