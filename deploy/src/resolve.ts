import type { Resource, Template, Value } from './template.ts';

/** Substitutes for values that only a deployment knows. */
export interface Deployment {
  /** Values of parameters; omitted ones have their default. */
  readonly parameters?: Readonly<Record<string, string | number>> | undefined;
  /** The name of the stack. Default: `kit`. */
  readonly stackName?: string | undefined;
  /** The value of `Ref` of a resource. Default: its logical id. */
  readonly ref?: ((id: string) => string) | undefined;
  /** The value of `GetAtt` of a resource. Default: an ARN with its logical id. */
  readonly attribute?: ((id: string, name: string) => string) | undefined;
}

/** The account and region of a resolved template. */
export const ACCOUNT = '123456789012';
export const REGION = 'eu-central-1';

const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::Region': REGION,
  'AWS::AccountId': ACCOUNT,
  'AWS::Partition': 'aws',
};

/** The descriptions of the rules that a deployment with these parameters breaks; CloudFormation refuses such a deployment. */
export function brokenRules(template: Template, parameters: Deployment['parameters']): string[] {
  const context = { template, deployment: { parameters } };
  return Object.values(template.Rules)
    .filter(({ RuleCondition }) => holds(context, RuleCondition))
    .flatMap(({ Assertions }) => Assertions)
    .filter(({ Assert }) => !holds(context, Assert))
    .map(({ AssertDescription }) => AssertDescription);
}

/** Marks a value that `AWS::NoValue` removes. */
const NOTHING = Symbol('AWS::NoValue');

/** The resources that a deployment with these parameters has, with every CloudFormation function evaluated. */
export function resolveTemplate(template: Template, deployment: Deployment = {}): Record<string, Resource> {
  const context = { template, deployment };
  const resources: Record<string, Resource> = {};
  for (const [id, resource] of Object.entries(template.Resources)) {
    if (resource.Condition !== undefined && !holds(context, resource.Condition)) continue;
    const properties = merged(globalsOf(template, resource), resource.Properties);
    resources[id] = { ...resource, Properties: resolve(context, properties) };
  }
  return resources;
}

interface Context {
  readonly template: Template;
  readonly deployment: Deployment;
}

/** Merges `Globals` as SAM does: maps field by field; other values are the resource's own. */
function globalsOf(template: Template, { Type }: Resource): Value {
  return Type === 'AWS::Serverless::Function' ? template.Globals.Function : {};
}

function merged(shared: Value, own: Value): Value {
  if (!isMap(shared) || !isMap(own)) return own === undefined ? shared : own;
  const names = new Set([...Object.keys(shared), ...Object.keys(own)]);
  return Object.fromEntries([...names].map((name) => [name, merged(shared[name], own[name])]));
}

function isMap(value: Value): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && functionOf(value) === null;
}

function functionOf(value: Value): string | null {
  const [name, ...others] = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  return others.length === 0 && name !== undefined && (name === 'Ref' || name.startsWith('Fn::')) ? name : null;
}

function resolve(context: Context, value: Value): Value {
  if (Array.isArray(value)) return value.map((item) => resolve(context, item)).filter((item) => item !== NOTHING);
  if (typeof value !== 'object' || value === null) return value;
  const name = functionOf(value);
  if (name !== null) return call(context, name, value[name]);
  const fields = Object.entries(value).map(([field, inner]) => [field, resolve(context, inner)] as const);
  return Object.fromEntries(fields.filter(([, inner]) => inner !== NOTHING));
}

function call(context: Context, name: string, argument: Value): Value {
  switch (name) {
    case 'Ref':
      return reference(context, argument);
    case 'Fn::GetAtt':
      return attribute(context, argument[0], argument.slice(1).join('.'));
    case 'Fn::Sub':
      return substitute(context, argument);
    case 'Fn::If':
      return resolve(context, argument[holds(context, argument[0]) ? 1 : 2]);
    case 'Fn::Join':
      return resolve(context, argument[1]).join(argument[0]);
    case 'Fn::Split':
      return String(resolve(context, argument[1])).split(argument[0]);
    default:
      throw new Error(`the function ${name} is not supported`);
  }
}

function reference({ template, deployment }: Context, name: string): Value {
  if (name === 'AWS::NoValue') return NOTHING;
  if (name === 'AWS::StackName') return deployment.stackName ?? 'kit';
  if (name in PSEUDO) return PSEUDO[name];
  const parameter = template.Parameters[name];
  if (parameter !== undefined) return deployment.parameters?.[name] ?? parameter.Default;
  if (template.Resources[name] === undefined) throw new Error(`there is nothing called ${name}`);
  return deployment.ref?.(name) ?? name;
}

function attribute({ template, deployment }: Context, id: string, name: string): string {
  if (template.Resources[id] === undefined) throw new Error(`there is nothing called ${id}`);
  return deployment.attribute?.(id, name) ?? (name === 'Arn' ? `arn:aws:${id}` : `${id}.${name}`);
}

function substitute(context: Context, text: string): string {
  return text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
    if (literal !== '') return `\${${name}}`;
    const [id = '', ...rest] = name.split('.');
    return rest.length === 0 ? String(reference(context, id)) : attribute(context, id, rest.join('.'));
  });
}

function holds(context: Context, condition: string | Value): boolean {
  const rule = typeof condition === 'string' ? context.template.Conditions[condition] : condition;
  if ('Fn::Equals' in rule) {
    const [left, right] = rule['Fn::Equals'].map((side: Value) => resolve(context, side));
    return String(left) === String(right);
  }
  if ('Fn::Not' in rule) return !holds(context, rule['Fn::Not'][0]);
  if ('Fn::And' in rule) return rule['Fn::And'].every((part: Value) => holds(context, part));
  throw new Error(`the condition ${JSON.stringify(rule)} is not supported`);
}
