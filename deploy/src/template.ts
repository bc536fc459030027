import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type CollectionTag, parse, Scalar, type ScalarTag } from 'yaml';

/** The deployed template. */
export const TEMPLATE = join(import.meta.dirname, '../template.yaml');

/** A value of a template: JSON, with CloudFormation functions as objects of one field. */
// biome-ignore lint/suspicious/noExplicitAny: resources of every service lie in it
export type Value = any;

/** A resource as declared in the template. */
export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, Value>;
  readonly Condition?: string | undefined;
  readonly DeletionPolicy?: string | undefined;
  readonly UpdateReplacePolicy?: string | undefined;
  readonly Metadata?: Value | undefined;
}

/** A parameter as declared in the template. */
export interface Parameter {
  readonly Type: string;
  readonly Default?: string | number | undefined;
  readonly Description?: string | undefined;
  readonly AllowedValues?: readonly (string | number)[] | undefined;
  readonly AllowedPattern?: string | undefined;
  readonly MinValue?: number | undefined;
  readonly MaxValue?: number | undefined;
}

/** A template with the short forms of functions expanded. */
export interface Template {
  readonly Parameters: Record<string, Parameter>;
  readonly Rules: Record<string, { RuleCondition: Value; Assertions: { Assert: Value; AssertDescription: string }[] }>;
  readonly Conditions: Record<string, Value>;
  readonly Globals: Value;
  readonly Resources: Record<string, Resource>;
  readonly Outputs: Record<string, { Value: Value; Condition?: string | undefined; Description?: string | undefined }>;
}

/** A name that CloudFormation's `Sub` replaces by a value. */
export function placeholder(name: string): string {
  return `\${${name}}`;
}

const FUNCTIONS = ['Ref', 'Sub', 'GetAtt', 'If', 'Equals', 'Not', 'And', 'Or', 'Join', 'Split', 'Condition'] as const;

function longName(name: string): string {
  return name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`;
}

function longValue(name: string, value: Value): Value {
  return { [longName(name)]: name === 'GetAtt' && typeof value === 'string' ? value.split('.') : value };
}

const customTags = FUNCTIONS.flatMap((name): (ScalarTag | CollectionTag)[] => [
  { tag: `!${name}`, resolve: (text: string) => longValue(name, text) },
  {
    tag: `!${name}`,
    collection: 'seq',
    resolve: (node) => new Scalar(longValue(name, node.toJSON())),
  },
]);

/** Reads the template file. */
export function readTemplate(file = TEMPLATE): Template {
  return parse(readFileSync(file, 'utf8'), { customTags }) as Template;
}
