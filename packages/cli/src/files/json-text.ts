/** True if the text is a JSON object. */
export function isObjectText(text: string): boolean {
  const value = parsed(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True if the text is JSON. */
export function isJson(text: string): boolean {
  return parsed(text) !== undefined;
}

/** The reason why a text is not a record, in the backend's words. */
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

/** A member of an object, with its value exactly as written. */
export interface Member {
  readonly name: string;
  readonly text: string;
}

const STRING_OR_BRACKET = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/gsu;

/** The top-level members of an object, in order, with repeats; null if the text is not an object. */
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
      name = String(JSON.parse(last));
      start = index + 1;
    } else if (token.length > 1) last = token;
  }
  return members;
}
