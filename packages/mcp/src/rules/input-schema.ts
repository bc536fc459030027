import type { Field, Fields } from '@pik/schema';

/** JSON Schema of one field of a tool. */
export type FieldSchema = Readonly<Record<string, unknown>>;

/** JSON Schema of the arguments of a tool. */
export interface InputSchema {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, FieldSchema>>;
  readonly required: readonly string[];
  readonly additionalProperties: false;
}

/** Builds the JSON Schema of a tool's arguments from the declared fields of its question. */
export function inputSchema(fields: Fields): InputSchema {
  const entries = Object.entries(fields);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, field]) => [name, fieldSchema(field)])),
    required: entries.filter(([, { isRequired }]) => isRequired).map(([name]) => name),
    additionalProperties: false,
  };
}

function fieldSchema(field: Field): FieldSchema {
  return { ...typeOf(field), description: field.doc };
}

function typeOf({ kind, values, max, time }: Field): FieldSchema {
  if (kind === 'count') return { type: 'integer', minimum: 0, ...(max === undefined ? {} : { maximum: max }) };
  if (kind === 'switch') return { type: 'boolean' };
  if (kind === 'choice') return { type: 'string', enum: values };
  if (kind === 'list') return { type: 'array', items: { type: 'string', ...(values ? { enum: values } : {}) } };
  // A side of a change is a version number, or a receive time.
  if (time === 'side') return { type: ['string', 'integer'] };
  if (kind === 'time') return { type: 'string', examples: ['2025-12-28T00:00:00Z', '2h', 'now'] };
  return { type: 'string' };
}
