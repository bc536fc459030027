import * as z from 'zod/mini';

import { type AnswerForm, type Exposure, type Field, type Fields, type GivenBy, querySchema } from './question.ts';
import type { Scope } from './scopes.ts';

/** Value of a field in a JSON body: a time is text there. */
type InJson<Given> = Given extends Date ? never : Given;
/** An action without such fields. */
type NoFields = Readonly<Record<never, Field>>;

/** JSON body with these fields, after its schema. Only required fields must be present. */
export type BodyBy<B extends Fields> = { [K in keyof GivenBy<B>]: InJson<GivenBy<B>[K]> };

/** Selection that a caller passes to an action: the fields of its body, its query and its path. */
export type GivenToAction<A> = A extends {
  readonly bodyFields: infer B extends Fields;
  readonly fields: infer F extends Fields;
  readonly params: infer P extends Fields;
}
  ? GivenBy<B & F & P>
  : never;

/** Parts that a declaration and the action have in common. */
interface ActionParts<N extends string> {
  readonly name: N;
  /** Path with `:name` for parameters. A path never contains a caller's ids. */
  readonly path: string;
  readonly scope: Scope;
  /** A second scope that the caller needs too. Default: none. */
  readonly alsoScope?: Scope | undefined;
  readonly exposes: Exposure;
  readonly form: AnswerForm;
  /** The action in one sentence. */
  readonly summary: string;
}

/** Declaration of an action, as `defineAction` takes it. */
export interface ActionDefinition<N extends string, B extends Fields, F extends Fields, P extends Fields, A>
  extends ActionParts<N> {
  /** Fields of its JSON body. Default: it has no body. */
  readonly body?: B | undefined;
  /** Fields of its URL. Default: none. */
  readonly query?: F | undefined;
  /** Parameters of its path by their names in it. Default: none. */
  readonly params?: P | undefined;
  readonly answer: z.ZodMiniType<A>;
}

/** A declared action: a call that changes something. Server, clients, tests and docs are built from it. */
export interface Action<
  N extends string = string,
  B extends Fields = Fields,
  F extends Fields = Fields,
  P extends Fields = Fields,
  A = unknown,
> extends ActionParts<N> {
  readonly method: 'POST';
  /** It is recorded before it happens. */
  readonly audit: 'act';
  readonly lines: 'never';
  readonly bodyFields: B;
  readonly fields: F;
  readonly params: P;
  /** Parses the JSON body. It rejects undeclared fields. */
  readonly body: z.ZodMiniType<BodyBy<B>>;
  /** Parses the query of a URL. */
  readonly query: z.ZodMiniType<GivenBy<F>>;
  readonly response: z.ZodMiniType<A>;
}

/**
 * Declares an action. Its HTTP route, OpenAPI entry, scope check, `investigator.act`, the flags of its command, contract tests and docs
 * follow from the declaration; its handler and what a command prints do not.
 *
 * @example
 * import * as z from 'zod/mini';
 * import { defineAction } from './action.ts';
 * import { text } from './query-fields.ts';
 *
 * export const labelAction = defineAction({
 *   name: 'label', path: '/labels', scope: 'ingest', exposes: 'nothing', form: 'whole',
 *   summary: 'Give a time range a name.',
 *   body: { label: text(64, 'the name') },
 *   answer: z.object({ labels: z.int() }),
 * });
 */
export function defineAction<
  const N extends string,
  A,
  B extends Fields = NoFields,
  F extends Fields = NoFields,
  P extends Fields = NoFields,
>(definition: ActionDefinition<N, B, F, P, A>): Action<N, B, F, P, A>;
/** The same with the defaults, which the types above know. */
export function defineAction<N extends string, A, B extends Fields, F extends Fields, P extends Fields>(
  definition: ActionDefinition<N, B, F, P, A>,
): Action<N, Fields, Fields, Fields, A> {
  const { body: bodyFields = {}, query: fields = {}, params = {}, answer: response, ...rest } = definition;
  const schemas = { body: bodySchema(bodyFields), query: querySchema(fields), response };
  return { ...rest, method: 'POST', audit: 'act', lines: 'never', bodyFields, fields, params, ...schemas };
}

/** Builds the schema of a JSON body. It rejects undeclared fields. */
function bodySchema<B extends Fields>(fields: B): z.ZodMiniType<BodyBy<B>> {
  const shape = Object.entries(fields).map(([name, field]) => {
    const schema = jsonSchema(field);
    return [name, field.isRequired ? schema : z.optional(schema)];
  });
  return z.strictObject(Object.fromEntries(shape)) as z.ZodMiniType<BodyBy<B>>;
}

/** The schema of a field's value in JSON. A count and a switch are not texts there. */
function jsonSchema({ kind, wire, json, max }: Field): z.ZodMiniType {
  if (json !== undefined) return json;
  if (kind === 'count') return z.int().check(z.minimum(1), z.maximum(max ?? Number.MAX_SAFE_INTEGER));
  return kind === 'switch' ? z.boolean() : wire;
}
