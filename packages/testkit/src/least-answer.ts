import type { AnswerOf, Question } from '@pik/schema';

/** Parts of a schema's definition that matter here. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly entries?: Readonly<Record<string, string>>;
  readonly values?: readonly unknown[];
  readonly options?: readonly Schema[];
}

interface Schema {
  readonly _zod: { readonly def: Definition };
}

/** Creates the smallest answer that fits a question's schema: no items, no optional fields, null if allowed. */
export function leastAnswer<Q extends Question>({ response }: Q): AnswerOf<Q> {
  return leastOf(response as unknown as Schema) as AnswerOf<Q>;
}

function leastOf({ _zod: { def } }: Schema): unknown {
  switch (def.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(def.shape ?? {}).flatMap(([name, schema]) =>
          schema._zod.def.type === 'optional' ? [] : [[name, leastOf(schema)]],
        ),
      );
    case 'array':
      return [];
    case 'record':
      return {};
    case 'string':
      return '';
    case 'number':
      return 0;
    case 'boolean':
      return false;
    case 'enum':
      return Object.values(def.entries ?? {})[0];
    case 'literal':
      return def.values?.[0];
    case 'union':
      return def.options?.[0] === undefined ? null : leastOf(def.options[0]);
    default:
      return null;
  }
}
