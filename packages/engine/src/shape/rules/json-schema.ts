import { JSON_TYPES, type JsonType } from '@pik/schema';

import type { Place } from './place.ts';

/** A JSON Schema, or a part of one. */
export type JsonSchema = Record<string, unknown>;

/** JSON Schema 2020-12 of the payloads at a place: every one of them is valid. Members that were not seen are allowed. */
export function jsonSchemaOf(place: Place, title: string): JsonSchema {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title, ...schemaAt(place) };
}

function schemaAt(place: Place): JsonSchema {
  const types = typesAt(place);
  const objects = countOf(place, 'object');
  const properties = Object.fromEntries([...place.members].map(([name, below]) => [name, schemaAt(below)]));
  const required = [...place.members].flatMap(([name, below]) => (valuesAt(below) === objects ? [name] : []));
  return {
    type: types.length === 1 ? types[0] : types,
    ...(place.members.size === 0 ? {} : { properties }),
    ...(required.length === 0 ? {} : { required: required.sort() }),
    ...(place.element === null ? {} : { items: schemaAt(place.element) }),
  };
}

/** A number that is sometimes whole is a number. */
function typesAt(place: Place): JsonType[] {
  const has = (type: JsonType) => countOf(place, type) > 0;
  return JSON_TYPES.filter((type) => has(type) && !(type === 'integer' && has('number')));
}

function countOf({ types }: Place, type: JsonType): number {
  const [before, since] = types.get(type) ?? [0, 0];
  return before + since;
}

function valuesAt(place: Place): number {
  return JSON_TYPES.reduce((sum, type) => sum + countOf(place, type), 0);
}
