import { CUT } from './plain-copy.ts';

/** A part of a form as `@fastify/multipart` attaches it: it refers to all other parts, and may be a file. */
interface Part {
  readonly fieldname: string;
  readonly type?: unknown;
  readonly value?: unknown;
}

/** The fields of a form by name, each with its value; files are cut. */
export function formFields(body: object): object {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, fieldOf(value)]));
}

function fieldOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fieldOf);
  if (typeof value !== 'object' || value === null) return value;
  if (isPart(value)) return value.type === 'field' ? fieldOf(value.value) : CUT;
  // Parsers make plain objects for names such as `user[card]`; any other object stands for a file.
  const prototype: object | null = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype ? value : CUT;
}

function isPart(value: object): value is Part {
  return 'fieldname' in value && typeof value.fieldname === 'string' && 'fields' in value;
}
