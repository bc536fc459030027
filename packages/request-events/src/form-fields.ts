import { CUT } from './plain-copy.ts';

/** A part of a form as `@fastify/multipart` attaches it: it knows all others, and may be a file. */
interface Part {
  readonly fieldname: string;
  readonly type?: unknown;
  readonly value?: unknown;
}

/** The fields of a form by their names, each with its value; files are cut. */
export function formFields(body: object): object {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, fieldOf(value)]));
}

function fieldOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fieldOf);
  if (typeof value !== 'object' || value === null) return value;
  if (isPart(value)) return value.type === 'field' ? fieldOf(value.value) : CUT;
  // Names such as `user[card]` are objects of the parser's own; anything else stands for a file.
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || prototype === Object.prototype ? value : CUT;
}

function isPart(value: object): value is Part {
  return 'fieldname' in value && typeof value.fieldname === 'string' && 'fields' in value;
}
