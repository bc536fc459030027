// How rejected records are mended: one change at one path of the record, everything else byte for byte as it was received. Pure,
// so that a property can say so.

/** A change of a record. */
export interface MendRule {
  readonly change: MendChange;
  /** JSON pointer of the value, such as `/event_time`. */
  readonly path: string;
  /** The text to append, the value to set, or the new name. */
  readonly value: string;
}

/** Changes with what they do in words. */
export const MEND_CHANGES = {
  append: 'append to the text at',
  set: 'set the value at',
  ms: 'read as milliseconds since 1970 the value at',
  s: 'read as seconds since 1970 the value at',
  rename: 'rename the member at',
  none: 'send them as they are',
} as const;

/** The kind of a change. */
export type MendChange = keyof typeof MEND_CHANGES;

/** A mended record, or why it cannot be mended. */
export type MendedText = { readonly text: string } | { readonly why: string };

/** Applies a rule to the text of a record. */
export function mendedText(text: string, { change, path, value }: MendRule): MendedText {
  if (change === 'none') return { text };
  const keys = keysOf(path);
  if (keys === null) return { why: `${path} is not a path such as /event_time` };
  try {
    JSON.parse(text);
  } catch {
    return { why: 'the record is not JSON' };
  }
  const { found, parent } = locate(tokensOf(text), keys);
  if (found === null) return change === 'set' ? added(text, { parent, name: keys.at(-1) ?? '', value }) : missing(path);
  const put = ({ start, end }: Span, by: string) => ({ text: text.slice(0, start) + by + text.slice(end) });
  if (change === 'set') return put(found.value, jsonOf(value));
  if (change === 'rename')
    return found.name === null ? { why: `${path} has no name` } : put(found.name, JSON.stringify(value));
  const now: unknown = JSON.parse(text.slice(found.value.start, found.value.end));
  if (change === 'append')
    return typeof now === 'string'
      ? put(found.value, JSON.stringify(now + value))
      : { why: `the value at ${path} is not a text` };
  const ms = Number(now) * (change === 'ms' ? 1 : 1000);
  const isTime = (typeof now === 'number' || typeof now === 'string') && now !== '' && Math.abs(ms) <= 8.64e15;
  return isTime
    ? put(found.value, JSON.stringify(new Date(ms).toISOString()))
    : { why: `the value at ${path} is not a time` };
}

const missing = (path: string) => ({ why: `the record has no ${path}` });

function added(
  text: string,
  { parent, name, value }: { parent: Open | null; name: string; value: string },
): MendedText {
  if (parent === null) return missing(`object for ${name}`);
  const member = `${JSON.stringify(name)}:${jsonOf(value)}${parent.isEmpty ? '' : ','}`;
  return { text: text.slice(0, parent.at) + member + text.slice(parent.at) };
}

/** Typed text as JSON if it is JSON, otherwise as a text. */
function jsonOf(value: string): string {
  try {
    JSON.parse(value);
    return value;
  } catch {
    return JSON.stringify(value);
  }
}

function keysOf(pointer: string): string[] | null {
  if (!pointer.startsWith('/')) return null;
  return pointer
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Token extends Span {
  readonly text: string;
}

function tokensOf(text: string): Token[] {
  return [...text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)].map(({ 0: token, index }) => ({
    text: token,
    start: index,
    end: index + token.length,
  }));
}

/** An object, by the place behind its bracket. */
interface Open {
  readonly at: number;
  readonly isEmpty: boolean;
}

interface Located {
  readonly found: { readonly name: Span | null; readonly value: Span } | null;
  /** The object that has the last key, or would have it. */
  readonly parent: Open | null;
}

/** Finds the value at a path in valid JSON. Of members with one name the last counts, as for every reader. */
function locate(tokens: readonly Token[], keys: readonly string[]): Located {
  let found: Located['found'] = null;
  let parent: Open | null = null;
  let at = 0;
  const next = () => tokens[at++] ?? { text: '', start: 0, end: 0 };
  /** Reads one value; `depth` keys lead to it, null if it does not lie on the path. */
  const read = (depth: number | null, name: Span | null): void => {
    const first = next();
    const isOnPath = (key: string) => depth !== null && depth < keys.length && keys[depth] === key;
    if (first.text === '{') {
      if (depth === keys.length - 1) parent = { at: first.end, isEmpty: tokens[at]?.text === '}' };
      while (tokens[at]?.text !== '}') {
        const key = next();
        next();
        read(isOnPath(JSON.parse(key.text)) ? (depth ?? 0) + 1 : null, key);
        if (tokens[at]?.text === ',') at += 1;
      }
      at += 1;
    } else if (first.text === '[') {
      for (let index = 0; tokens[at]?.text !== ']'; index++) {
        read(isOnPath(String(index)) ? (depth ?? 0) + 1 : null, null);
        if (tokens[at]?.text === ',') at += 1;
      }
      at += 1;
    }
    if (depth === keys.length) found = { name, value: { start: first.start, end: tokens[at - 1]?.end ?? first.end } };
  };
  read(0, null);
  return { found, parent };
}
