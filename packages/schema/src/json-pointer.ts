/** The steps of a JSON pointer: member names and array indexes. */
export type PointerSteps = readonly string[];

/**
 * Parses a JSON pointer (RFC 6901), such as `/meta/attempt`: each step begins with `/`; within a step `~1` stands for
 * `/` and `~0` for `~`. Null if the text is not a JSON pointer. The empty text points at the whole value and has no
 * steps.
 */
export function parsePointer(text: string): PointerSteps | null {
  if (text === '') return [];
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return null;
  return text
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The JSON pointer of these steps. */
export function pointerText(steps: PointerSteps): string {
  return steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The value at the end of the steps; undefined if there is none. */
export function readPointer(value: unknown, steps: PointerSteps): unknown {
  let at = value;
  for (const step of steps) {
    if (!isObject(at)) return undefined;
    if (Array.isArray(at) ? !isPlace(step) : !Object.hasOwn(at, step)) return undefined;
    at = at[step];
  }
  return at;
}

/**
 * A copy of a JSON value without the value at the end of the steps; the value itself if there is none. In an array, `*`
 * matches every element. The input is not changed.
 */
export function withoutPointer(value: unknown, steps: PointerSteps): unknown {
  const [step, ...rest] = steps;
  if (step === undefined || !isObject(value)) return value;
  if (Array.isArray(value)) return withoutElements(value, step, rest);
  if (!Object.hasOwn(value, step)) return value;
  if (rest.length === 0) {
    const { [step]: _, ...others } = value;
    return others;
  }
  const member = value[step];
  const reduced = withoutPointer(member, rest);
  return reduced === member ? value : { ...value, [step]: reduced };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
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
