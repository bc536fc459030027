import { at, fieldFault, type KitError, ROUTES, type Route, type RouteName, type SelectionOf } from '@pik/schema';

/** The fields of zod's issues that the answers use. */
export interface Issue {
  readonly code?: string | undefined;
  readonly path: PropertyKey[];
  readonly keys?: readonly string[];
  readonly values?: readonly unknown[];
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly origin?: string;
  readonly expected?: string;
}

/** The query of a request and the parameters of its path, as texts. */
export interface Asked {
  readonly url: string;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * Parses and checks the query of a request, and the declared parameters of its path. Unknown, repeated and malformed fields are faults: to ignore one would
 * answer another question than the caller asked.
 *
 * @throws KitError `REQUEST_INVALID` with the path of the field.
 */
export function parseQuery<N extends RouteName>(name: N, { url, params }: Asked): SelectionOf<N> {
  const raw = splitQuery(url);
  const route: Route = ROUTES[name];
  return { ...queryOf(route, raw), ...paramsOf(route, params) } as SelectionOf<N>;
}

function queryOf({ query }: Route, raw: Record<string, string>): object {
  if (query === undefined) return noQuery(raw);
  const result = query.safeParse(raw);
  if (!result.success) throw issueFault(at(result.error.issues, 0), raw);
  return Object(result.data);
}

function paramsOf({ params = {} }: Route, given: Asked['params']): object {
  return Object.fromEntries(
    Object.entries(params).map(([name, { wire, rule }]) => {
      const result = wire.safeParse(given[name] ?? '');
      if (!result.success) throw fieldFault(name, rule ?? ruleOf(at(result.error.issues, 0)));
      return [name, result.data];
    }),
  );
}

function splitQuery(url: string): Record<string, string> {
  const fields = new Map<string, string>();
  const start = url.indexOf('?');
  const query = start === -1 ? '' : at(url.slice(start + 1).split('#', 1), 0);
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals), 'query');
    if (fields.has(name)) throw fieldFault(name, 'is given twice');
    fields.set(name, equals === -1 ? '' : decode(pair.slice(equals + 1), name));
  }
  return Object.fromEntries(fields);
}

/** URLSearchParams replaces invalid bytes by U+FFFD, which would ask for another id. */
function decode(text: string, field: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw fieldFault(field, 'is not percent-encoded UTF-8');
  }
}

function noQuery(raw: Record<string, string>): Record<string, never> {
  const [first] = Object.keys(raw);
  if (first !== undefined) throw fieldFault(first, 'is not a parameter of this route');
  return {};
}

function issueFault(issue: Issue, raw: Record<string, string>): KitError {
  if (issue.code === 'unrecognized_keys') return fieldFault(issue.keys?.[0] ?? '', 'is not a parameter of this route');
  const field = String(issue.path[0] ?? '');
  return fieldFault(field, Object.hasOwn(raw, field) ? ruleOf(issue) : 'is required');
}

/** The rule that a field breaks, as text for a person. */
export function ruleOf(issue: Issue): string {
  const text = issue.origin === 'string';
  switch (issue.code) {
    case 'invalid_value':
      return `must be one of ${issue.values?.join(', ')}`;
    case 'too_small':
      return text || issue.origin === 'array' ? 'is empty' : `must be at least ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'array') return `has more than ${issue.maximum} entries`;
      return text ? `is longer than ${issue.maximum} characters` : `must be at most ${issue.maximum}`;
    case 'invalid_format':
      return 'has an invalid format';
    default:
      return 'must be a whole number of at most nine digits';
  }
}
