import type { Resource, Value } from '../../src/template.ts';

// The part of IAM that this template uses: an access is allowed if some statement allows it and none denies it.
// Anything else in a policy is an error here, so that no statement is ignored.

/** A question to a set of policies. */
export interface Access {
  readonly action: string;
  readonly resource: string;
  /** Condition keys as the service would set them; a list where the key has several values. */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
}

/** One statement of a policy. */
export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  readonly Principal?: Value;
}

/** True if the statements allow an access. */
export function isAllowed(statements: readonly Statement[], access: Access): boolean {
  const fitting = statements.filter((statement) => fits(statement, access));
  return fitting.some(({ Effect }) => Effect === 'Allow') && !fitting.some(({ Effect }) => Effect === 'Deny');
}

/** True if some statement denies an access. */
export function isDenied(statements: readonly Statement[], access: Access): boolean {
  return statements.some((statement) => statement.Effect === 'Deny' && fits(statement, access));
}

/** The statements of a role's own policies. */
export function statementsOf(role: Resource | undefined): Statement[] {
  const { Policies, ManagedPolicyArns, ...rest } = role?.Properties ?? {};
  if (ManagedPolicyArns !== undefined) throw new Error('a managed policy may later allow more than it does today');
  const unknown = Object.keys(rest).filter((name) => name !== 'AssumeRolePolicyDocument');
  if (unknown.length > 0) throw new Error(`a role with ${unknown.join(', ')}`);
  return Policies.flatMap(({ PolicyDocument }: Value) => PolicyDocument.Statement);
}

/** A list, even for a single value. */
export function list<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function fits({ Action, Resource, Condition = {} }: Statement, { action, resource, context = {} }: Access): boolean {
  return (
    list(Action).some((pattern) => isLike(action.toLowerCase(), pattern.toLowerCase())) &&
    list(Resource).some((pattern) => isLike(resource, pattern)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, wanted]) => meets(operator, context[key], list(wanted))),
    )
  );
}

function meets(operator: string, given: string | readonly string[] | undefined, wanted: readonly string[]): boolean {
  const values = given === undefined ? [] : list(given);
  switch (operator) {
    case 'StringLike':
    case 'ArnLike':
      return values.some((value) => wanted.some((pattern) => isLike(value, pattern)));
    // True if the key is absent.
    case 'ForAllValues:StringLike':
      return values.every((value) => wanted.some((pattern) => isLike(value, pattern)));
    case 'Null':
      return wanted.includes(String(given === undefined));
    case 'Bool':
      return values.some((value) => wanted.includes(value));
    default:
      throw new Error(`the operator ${operator} is not supported`);
  }
}

function isLike(text: string, pattern: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*/g, '.*').replace(/\?/g, '.')}$`, 's').test(text);
}
