import * as z from 'zod/mini';

import { KitError } from './errors.ts';
import type { Scope } from './scopes.ts';

/** Kind of a field's value: decides its form in a URL, on the command line and on a page. */
export type FieldKind = 'text' | 'time' | 'count' | 'switch' | 'choice' | 'list';

/**
 * Form in which the engine gets a time: `utc` is fixed-width text, exact to the nanosecond; `ms` is epoch milliseconds, rounded down;
 * `ms-up` is rounded up, which is exact for a bound on whole milliseconds; `side` is one of the two values of a change.
 */
export type TimeReading = 'utc' | 'ms' | 'ms-up' | 'side';

/** One field of a query. A caller passes `Given`; the engine gets `Asked`. */
export interface Field<Given = unknown, Asked = unknown, Needed extends boolean = boolean> {
  readonly kind: FieldKind;
  /** One sentence without its full stop. `--help`, OpenAPI and the docs show it. */
  readonly doc: string;
  /** Parses the text in a URL. */
  readonly wire: z.ZodMiniType;
  /** Checks the value in a JSON body. Default: by the kind. */
  readonly json?: z.ZodMiniType | undefined;
  readonly isRequired: Needed;
  /** Value for the engine if the field is absent. */
  readonly fallback: Asked | undefined;
  /** Valid text for a URL, for examples and contract tests. */
  readonly example: string;
  /** Placeholder for the value in `--help`. */
  readonly placeholder: string;
  readonly time?: TimeReading | undefined;
  /** Allowed words of a choice or a list. A list without them has items of its own, each given on its own to a command. */
  readonly values?: readonly string[] | undefined;
  /** True for a search expression, or a path of one: it may not name a masked member. */
  readonly isExpression?: boolean | undefined;
  /** Largest count allowed. */
  readonly max?: number | undefined;
  /** Rest of the sentence about a value that `wire` refuses. Default: from what it refuses. */
  readonly rule?: string | undefined;
  /** Never set. Carries the two types. */
  readonly types?: { readonly given: Given; readonly asked: Asked } | undefined;
}

/** Fields of a query by their wire names. */
export type Fields = Readonly<Record<string, Field>>;

type GivenValue<F> = F extends { readonly types?: { readonly given: infer Given } | undefined } ? Given : never;
type AskedValue<F> = F extends { readonly types?: { readonly asked: infer Asked } | undefined } ? Asked : never;
type NeededIn<F extends Fields> = {
  [K in keyof F]: F[K] extends { readonly isRequired: true } ? K : never;
}[keyof F];
/** A question without fields of its own in its path. */
type NoFields = Readonly<Record<never, Field>>;
type Flat<T> = { [K in keyof T]: T[K] };

/** Selection that a caller passes: times as text or `Date`, lists as arrays. Only required fields must be present. */
export type GivenBy<F extends Fields> = Flat<
  { readonly [K in NeededIn<F>]: GivenValue<F[K]> } & {
    readonly [K in Exclude<keyof F, NeededIn<F>>]?: GivenValue<F[K]> | undefined;
  }
>;

/** Query that the engine gets: every field is present, times are parsed and defaults filled in. */
export type AskedBy<F extends Fields> = { readonly [K in keyof F]: AskedValue<F[K]> };

/** Selection that a caller passes to a question: its fields and those of its path. Empty if it declares none. */
export type GivenOf<Q> = Q extends { readonly fields: infer F extends Fields; readonly params: infer P extends Fields }
  ? GivenBy<F & P>
  : Q extends { readonly fields: infer F extends Fields }
    ? GivenBy<F>
    : Readonly<Record<string, never>>;

/**
 * Query that the engine gets. `now` is the time that relative times count from: on a page of a report, the time of its first page.
 */
export type AskedOf<Q> = Q extends { readonly fields: infer F extends Fields; readonly params: infer P extends Fields }
  ? AskedBy<F & P> & { readonly now: number }
  : never;

/** Answer of a question. */
export type AnswerOf<Q> = Q extends { readonly response: z.ZodMiniType<infer A> } ? A : never;

/** Half-open time range in epoch milliseconds. An open end is infinite. */
export interface TimeRange {
  readonly start_time: number;
  readonly end_time: number;
}

/** Violation of a rule about several fields. */
export interface QueryFault {
  readonly field: string;
  /** Rest of a sentence that starts with the field's name. */
  readonly rule: string;
}

/** Entry in the audit log: none, a read, a read of sensitive data, or an act, which is recorded before it happens. */
export type Audit = 'none' | 'read' | 'sensitive' | 'act';

/** Most sensitive content of an answer: figures only, ids of events and entities, or values from payloads. */
export type Exposure = 'nothing' | 'ids' | 'payload';

/**
 * Form of an answer. `whole`: complete, or an error if it exceeds the budget. `page`: by cursor, and every page has the figures of the
 * whole answer as of its first page; partial if it exceeds the budget. `listing`: items by cursor. `stream`: items by cursor, or with `Accept: application/x-ndjson` NDJSON with an end line; relative times count from the first page.
 * `job`: a record to poll.
 */
export type AnswerForm = 'whole' | 'page' | 'listing' | 'stream' | 'job';

/**
 * When an answer is sent as NDJSON lines: `accepted`: if the request accepts them; `included`: if the field `include` is given;
 * `never`: it is always JSON.
 */
export type Lines = 'accepted' | 'included' | 'never';

/** Parts of a question besides its name. */
export interface Declaration<F extends Fields, A, P extends Fields = Fields, L extends Lines = Lines> {
  readonly method: 'GET' | 'POST';
  /** Path with `:name` for parameters. A path never contains a caller's ids. */
  readonly path: string;
  readonly scope: Scope;
  readonly audit: Audit;
  readonly exposes: Exposure;
  readonly form: AnswerForm;
  /** The question in one sentence. */
  readonly summary: string;
  readonly fields: F;
  /** Parameters of the path by their names in it. */
  readonly params: P;
  readonly lines: L;
  readonly response: z.ZodMiniType<A>;
  /** Lists of the answer that `limit` and `cursor` split into pages. */
  readonly pages: readonly string[];
  /** Returns the first rule about several fields that the query violates. */
  check?(asked: AskedBy<F & P> & { readonly now: number }): QueryFault | null;
}

/** A declared question. Server, clients, tests and docs are built from it. */
export interface Question<
  N extends string = string,
  F extends Fields = Fields,
  A = unknown,
  P extends Fields = Fields,
  L extends Lines = Lines,
> extends Declaration<F, A, P, L> {
  readonly name: N;
  /** Parses the query of a URL. */
  readonly query: z.ZodMiniType<GivenBy<F>>;
}

/** Declaration of a question, as `defineQuestion` takes it. */
export interface QuestionDefinition<N extends string, F extends Fields, A, P extends Fields, L extends Lines>
  extends Omit<Declaration<F, A, P, L>, 'fields' | 'params' | 'lines' | 'response' | 'method' | 'pages'> {
  readonly name: N;
  readonly method?: 'GET' | 'POST' | undefined;
  readonly query: F;
  /** Default: none. */
  readonly params?: P | undefined;
  /** Default: `never`. */
  readonly lines?: L | undefined;
  readonly answer: z.ZodMiniType<A>;
  readonly pages?: readonly string[] | undefined;
}

/**
 * Declares a question. Its HTTP route, OpenAPI entry, scope check, investigator method, command with flags, notebook method, contract
 * tests and docs follow from the declaration. The engine's `answerQuestion` adds the answer, and `viewOf` of `@pik/render` the view.
 *
 * @example
 * import * as z from 'zod/mini';
 * import { range, series } from './query-fields.ts';
 * import { defineQuestion } from './question.ts';
 *
 * export const pulseQuestion = defineQuestion({
 *   name: 'pulse', path: '/reports/pulse', scope: 'investigate', audit: 'read', exposes: 'nothing', form: 'page',
 *   summary: 'When did each source last bring something?',
 *   query: { ...range, ...series },
 *   answer: z.object({ sources: z.array(z.object({ source: z.string(), last_at: z.string() })) }),
 * });
 */
export function defineQuestion<
  const N extends string,
  F extends Fields,
  A,
  P extends Fields = NoFields,
  const L extends Lines = 'never',
>(definition: QuestionDefinition<N, F, A, P, L>): Question<N, F, A, P, L>;
/** The same with the defaults of `params` and `lines`, which the types above know. */
export function defineQuestion<N extends string, F extends Fields, A, P extends Fields, L extends Lines>(
  definition: QuestionDefinition<N, F, A, P, L>,
): Question<N, F, A, Fields, Lines> {
  const {
    query: fields,
    params = {},
    lines = 'never',
    answer: response,
    method = 'GET',
    pages = [],
    ...rest
  } = definition;
  return { ...rest, method, fields, params, lines, query: querySchema(fields), response, pages };
}

/** Builds the schema of a URL's query. It rejects undeclared fields. */
export function querySchema<F extends Fields>(fields: F): z.ZodMiniType<GivenBy<F>> {
  const shape = Object.entries(fields).map(([name, { wire, isRequired }]) => [
    name,
    isRequired ? wire : z.optional(wire),
  ]);
  return z.strictObject(Object.fromEntries(shape)) as z.ZodMiniType<GivenBy<F>>;
}

/** Flags whose names differ from the wire names. */
const FLAG_NAMES: Readonly<Record<string, string>> = {
  start_time: 'from',
  end_time: 'to',
  event_type: 'type',
  entity_id: 'entity',
  event_time: 'time',
  window_start: 'window',
  event_ids: 'event',
  metrics: 'metric',
};

/** Returns a field's flag on the command line, such as `--from` for `start_time`. */
export function flagOf(field: string): string {
  return `--${(FLAG_NAMES[field] ?? field).replaceAll('_', '-')}`;
}

/**
 * Creates the `REQUEST_INVALID` error for a field that violates a rule.
 *
 * @example
 * import { fieldFault } from '@pik/schema';
 *
 * throw fieldFault('end_time', 'is required together with metric');
 */
export function fieldFault(field: string, rule: string): KitError {
  const name = field.slice(0, 64);
  const path = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return new KitError('REQUEST_INVALID', `${name} ${rule}`, { path });
}

/** Converts a selection to the fields of a URL. */
export function toWire(given: object): Record<string, string> {
  const wire: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    wire[name] = value instanceof Date ? value.toISOString() : Array.isArray(value) ? value.join(',') : String(value);
  }
  return wire;
}
