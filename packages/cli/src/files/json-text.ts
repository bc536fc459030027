/** True where a text is one JSON object. */
export function isObjectText(text: string): boolean {
  const value = parsed(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True where a text is one JSON value. */
export function isJson(text: string): boolean {
  return parsed(text) !== undefined;
}

/** What is wrong with a text that is not a record, as the backend would say it. */
export function syntaxFault(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const type = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
    return `an event is an object, not ${type}`;
  } catch (error) {
    const place = /position (\d+)/.exec(String(error))?.[1];
    return place === undefined ? 'not JSON, or cut short' : `not JSON at character ${place}`;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A member of an object, with the text of its value exactly as it stands there. */
export interface Member {
  readonly name: string;
  readonly text: string;
}

const STRING_OR_BRACKET = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/gsu;

/** The top-level members of an object, in order, with repeats; null where the text is not an object. */
export function membersOf(text: string): Member[] | null {
  if (!isObjectText(text)) return null;
  const members: Member[] = [];
  let depth = 0;
  let name: string | null = null;
  let last = '';
  let start = 0;
  for (const { 0: token, index } of text.matchAll(STRING_OR_BRACKET)) {
    const isEnd = depth === 1 && (token === ',' || token === '}');
    if (isEnd && name !== null) {
      members.push({ name, text: text.slice(start, index).trim() });
      name = null;
    }
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (token === ':' && depth === 1 && name === null) {
      name = JSON.parse(last) as string;
      start = index + 1;
    } else if (token.length > 1) last = token;
  }
  return members;
}
