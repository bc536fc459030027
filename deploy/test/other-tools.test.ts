import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled } from '@pik/testkit/fixtures/servers/server';
import { describe, expect, it } from 'vitest';

import { filesOfOtherTools } from '../src/other-tools.ts';
import { readTemplate } from '../src/template.ts';

const DEPLOY = join(import.meta.dirname, '..');
const TERRAFORM = join(DEPLOY, 'terraform');
const template = readTemplate();

it('the files for other tools match the template; `npm run generate -w deploy` updates them', () => {
  for (const [file, text] of filesOfOtherTools()) expect(readFileSync(file, 'utf8')).toBe(text);
});

it('a description that looks like an expression stays text in HCL', () => {
  const Parameters = { Odd: { Type: 'String', Default: 'a"b', Description: `\${var.x} and a longer text` } };
  const files = filesOfOtherTools({ ...template, Parameters });
  expect(files.get(join(TERRAFORM, 'variables.tf'))).toContain(
    'variable "odd" {\n  type        = string\n  default     = "a\\"b"\n  description = "$${var.x} and a longer text"\n}',
  );
});

it('the functions of the construct and of the module are those of the template', () => {
  const declared = Object.entries(template.Resources)
    .filter(([, { Type }]) => Type === 'AWS::Serverless::Function')
    .map(([id, { Properties }]) => [id, String(Properties.CodeUri).replace('dist/', '')]);
  const construct = readFileSync(join(DEPLOY, 'cdk/pipeline-investigation-kit.ts'), 'utf8');
  expect([...construct.matchAll(/^ {2}(\w+Function): '(\w+)',$/gm)].map(([, ...pair]) => pair).sort()).toEqual(
    declared.sort(),
  );
  const [, list = ''] = /functions = toset\(\[(.*)\]\)/.exec(readFileSync(join(TERRAFORM, 'main.tf'), 'utf8')) ?? [];
  expect([...list.matchAll(/\w+/g)].flat().sort()).toEqual(declared.map(([, folder]) => folder).sort());
});

describe.skipIf(!isInstalled('terraform'))('the Terraform module', () => {
  it('is formatted', () => {
    execFileSync('terraform', ['fmt', '-check', '-diff', TERRAFORM], { stdio: 'pipe' });
  });

  it('deploys the template with the uploaded bundles, and with its defaults', () => {
    const folder = join(mkdtempSync(join(tmpdir(), 'pik-terraform-')), 'terraform');
    mkdirSync(folder);
    copyFileSync(join(DEPLOY, 'template.yaml'), join(folder, '../template.yaml'));
    for (const file of ['template.tf', 'variables.tf']) copyFileSync(join(TERRAFORM, file), join(folder, file));
    writeFileSync(join(folder, 'uploaded.tf'), 'locals {\n  bundles  = "bucket"\n  revision = "abc"\n}\n');
    const valueIn = (expression: string) => {
      const input = `base64encode(jsonencode(${expression}))\n`;
      const output = execFileSync('terraform', ['console'], { cwd: folder, input, stdio: ['pipe', 'pipe', 'ignore'] });
      return JSON.parse(Buffer.from(JSON.parse(String(output)), 'base64').toString());
    };
    const deployed = join(folder, 'deployed.yaml');
    writeFileSync(deployed, valueIn('local.template'));
    const expected = structuredClone(template);
    for (const { Type, Properties } of Object.values(expected.Resources))
      if (Type === 'AWS::Serverless::Function')
        Properties.CodeUri = Properties.CodeUri.replace(/dist\/(\w+)/, 's3://bucket/abc/$1.zip');
    expect(readTemplate(deployed)).toEqual(expected);
    expect(valueIn('local.parameters')).toEqual(
      Object.fromEntries(Object.entries(template.Parameters).map(([name, { Default }]) => [name, Default])),
    );
  });
});
