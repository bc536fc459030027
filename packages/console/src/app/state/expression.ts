// Turns typed text into an expression of `GET /search`. Pure, so that a test can name each case.

/** An operator, a bracket or a quote: the text is an expression already. */
const MARKS = /[=<>!()[\]"'&|]|\b(?:and|or|not|in)\b/;

/** A text as a value of an expression. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** The expression that a typed text stands for: itself, or for plain words every receipt that is named so or contains them. */
export function expressionOf(typed: string): string | undefined {
  const text = typed.trim();
  if (text === '') return undefined;
  if (MARKS.test(text)) return text;
  const value = quoted(text);
  return `entity_id == ${value} or key == ${value} or event_id == ${value} or body.contains(${value})`;
}

/** Filters of a page that narrow an expression. */
export interface Filters {
  readonly source?: string | undefined;
  readonly type?: string | undefined;
}

/** An expression that must match together with the filters of the page; undefined if everything matches. */
export function filtered(expression: string | undefined, { source, type }: Filters): string | undefined {
  const parts = [
    source === undefined ? undefined : `source == ${quoted(source)}`,
    type === undefined ? undefined : `event_type == ${quoted(type)}`,
    expression,
  ].filter((part) => part !== undefined);
  return parts.length < 2 ? parts[0] : parts.map((part) => `(${part})`).join(' and ');
}
