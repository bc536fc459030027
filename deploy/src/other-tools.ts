import { join } from 'node:path';

import { type Parameter, readTemplate, type Template } from './template.ts';

const DEPLOY = join(import.meta.dirname, '..');
const HEADER = 'Written by `npm run generate -w deploy` from template.yaml.';

/** The files for tools other than SAM that follow from the template, with their texts. */
export function filesOfOtherTools(template: Template = readTemplate()): ReadonlyMap<string, string> {
  return new Map([
    [join(DEPLOY, 'cdk/parameters.ts'), cdkParameters(template)],
    [join(DEPLOY, 'terraform/variables.tf'), terraformVariables(template)],
    [join(DEPLOY, 'terraform/outputs.tf'), terraformOutputs(template)],
  ]);
}

function cdkParameters({ Parameters, Outputs }: Template): string {
  const members = Object.entries(Parameters).map(([name, parameter]) => {
    const text = `${parameter.Description} Default: \`${literal(parameter, parameter.Default ?? '')}\`.`;
    return `${comment(text)}\n  readonly ${name}?: ${typeOf(parameter)} | undefined;`;
  });
  const outputs = Object.keys(Outputs).map((name) => `  | '${name}'`);
  return `// ${HEADER}

/** Parameters of the stack, as of the template. */
export interface KitParameters {
${members.join('\n')}
}

/** Names of the outputs of the stack. */
export type KitOutput =
${outputs.join('\n')};
`;
}

/** A doc comment of a member, in lines of at most 120 characters. */
function comment(text: string): string {
  const lines = text.match(/.{1,113}(?: |$)/g) ?? [];
  return ['  /**', ...lines.map((line) => `   * ${line.trimEnd()}`), '   */'].join('\n');
}

function typeOf(parameter: Parameter): string {
  const { Type, AllowedValues: values = [] } = parameter;
  const isShort = values.length > 0 && values.length < 5;
  return isShort
    ? values.map((value) => literal(parameter, value)).join(' | ')
    : Type === 'Number'
      ? 'number'
      : 'string';
}

function literal({ Type }: Parameter, value: string | number): string {
  return Type === 'Number' ? String(value) : `'${value}'`;
}

function terraformVariables({ Parameters }: Template): string {
  const blocks = Object.entries(Parameters).map(([name, { Type, Default, Description }]) => {
    const value = Type === 'Number' ? String(Default) : hclText(String(Default));
    return block('variable', snakeCase(name), {
      type: Type === 'Number' ? 'number' : 'string',
      default: value,
      description: hclText(Description ?? ''),
    });
  });
  const names = Object.keys(Parameters);
  const width = Math.max(...names.map((name) => name.length));
  const parameters = names.map((name) => `    ${name.padEnd(width)} = var.${snakeCase(name)}`);
  return `# ${HEADER}\n\n${blocks.join('\n\n')}\n\nlocals {\n  parameters = {\n${parameters.join('\n')}\n  }\n}\n`;
}

function terraformOutputs({ Outputs }: Template): string {
  const blocks = Object.entries(Outputs).map(([name, { Description }]) =>
    block('output', snakeCase(name), {
      value: `lookup(aws_cloudformation_stack.kit.outputs, "${name}", null)`,
      description: hclText(Description ?? ''),
    }),
  );
  return `# ${HEADER}\n\n${blocks.join('\n\n')}\n`;
}

/** A block of HCL, its equals signs in one column as `terraform fmt` puts them. */
function block(kind: string, name: string, members: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(members).map((member) => member.length));
  const lines = Object.entries(members).map(([member, value]) => `  ${member.padEnd(width)} = ${value}`);
  return `${kind} "${name}" {\n${lines.join('\n')}\n}`;
}

function hclText(text: string): string {
  // `$${` stands for the two characters that would begin an expression.
  return JSON.stringify(text).replace(/\$(?=\{)/g, '$$$$');
}

/** `RawRetentionDays` as `raw_retention_days`. */
function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]|(?<=[A-Z])[A-Z](?=[a-z])/g, '_$&').toLowerCase();
}
