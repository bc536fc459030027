import { type ActionName, fieldFault, KitError, ROUTES } from '@pik/schema';

import { readBody } from './body.ts';
import { bodyForm } from './media-type.ts';
import { type Issue, ruleOf } from './query.ts';

/** The body of an action after its schema. */
export type JsonBodyOf<N extends ActionName> = (typeof ROUTES)[N]['body']['_zod']['output'];

/**
 * Reads and checks a JSON body. Unknown and malformed fields are faults, as in a query.
 *
 * @throws KitError `REQUEST_INVALID` with the path of the field, and what reading a body throws.
 */
export async function readJsonBody<N extends ActionName>(
  name: N,
  request: Request,
): Promise<{ body: JsonBodyOf<N>; wireBytes: number }> {
  const { type, gzip } = bodyForm(request.headers);
  if (type !== 'application/json') throw new KitError('MEDIA_TYPE_UNSUPPORTED', 'send application/json');
  const { bytes, wireBytes } = await readBody(request, { gzip });
  const value = parse(bytes);
  const result = ROUTES[name].body.safeParse(value);
  if (!result.success) throw issueFault(result.error.issues[0] as Issue);
  checkTexts(result.data as object);
  return { body: result.data as JsonBodyOf<N>, wireBytes };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new KitError('REQUEST_INVALID', 'the body is not JSON in UTF-8', { path: '' });
  }
}

/** A lone surrogate has no UTF-8 form: it would become U+FFFD, which would ask for another id. */
function checkTexts(body: object): void {
  for (const [field, value] of Object.entries(body)) {
    for (const text of Array.isArray(value) ? value : [value]) {
      if (typeof text === 'string' && !text.isWellFormed()) throw fieldFault(field, 'has a surrogate without its pair');
    }
  }
}

function issueFault(issue: Issue): KitError {
  if (issue.code === 'unrecognized_keys') return fieldFault(issue.keys?.[0] ?? '', 'is not a field of this route');
  const [field] = issue.path;
  if (field === undefined) return new KitError('REQUEST_INVALID', 'the body must be a JSON object', { path: '' });
  return fieldFault(String(field), issue.code === 'invalid_type' ? `must be ${issue.expected}` : ruleOf(issue));
}
