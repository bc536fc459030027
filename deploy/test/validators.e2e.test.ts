import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { RegoEngine, TemplateFile } from '@aws/cloudformation-validate';
import { afterAll, describe, expect, it } from 'vitest';

import { TEMPLATE } from '../src/template.ts';

// Validation by other tools, without an account: CloudFormation's rules always, cfn-lint and the SAM translator if
// installed.

const dir = mkdtempSync(join(tmpdir(), 'pik-template-'));
afterAll(() => rmSync(dir, { recursive: true }));

const has = (command: string, args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
const lints = has('cfn-lint', ['--version']);
const python = ['python3', 'python'].find((name) => has(name, ['-c', 'import samtranslator, boto3'])) ?? null;

/** Skips a test and prints the reason. */
function where(there: boolean, what: string) {
  if (!there) console.log(`skipped: this machine has no ${what}`);
  return it.skipIf(!there);
}

/** Accepted findings, each with its reason. */
const ACCEPTED: Readonly<Record<string, string>> = {
  W9003:
    'RawRetentionDays is a text, since no number parameter can be 0 or at least 14; CloudFormation turns it into one',
  I9001: 'names that cannot be changed later are named after the stack, which cannot be renamed either',
  I9040: 'tags are given to the stack, and go to all of its resources',
};

function findings(file: string): string[] {
  const engine = new RegoEngine();
  try {
    const { diagnostics } = engine.validateStandard(new TemplateFile(file), {});
    return diagnostics
      .filter(({ ruleId }) => !(ruleId in ACCEPTED))
      .map(({ severity, ruleId, message }) => `${severity} ${ruleId} ${message}`);
  } finally {
    engine.free();
  }
}

describe('the template', () => {
  it('breaks no rule of CloudFormation', () => {
    expect(findings(TEMPLATE)).toEqual([]);
  });

  it('and the rules find what is wrong', () => {
    const wrong = join(dir, 'wrong.yaml');
    writeFileSync(
      wrong,
      'Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties: { VisibilityTimeout: soon }\n',
    );
    expect(findings(wrong).length).toBeGreaterThan(0);
  });

  where(lints, 'cfn-lint')('passes cfn-lint without a word', () => {
    const { stdout, stderr, status } = spawnSync('cfn-lint', [TEMPLATE], { encoding: 'utf8' });
    expect([stdout + stderr, status]).toEqual(['', 0]);
  });

  where(python !== null, 'translator of SAM')('is translated by SAM as intended', () => {
    const { stdout, stderr, status } = spawnSync(python ?? '', ['-c', TRANSLATE, TEMPLATE], { encoding: 'utf8' });
    expect([stderr.includes('Error'), status]).toEqual([false, 0]);
    const { Resources } = JSON.parse(stdout) as {
      Resources: Record<string, { Type: string; Properties: Record<string, unknown> }>;
    };
    const typesOf = (type: string) => Object.values(Resources).filter(({ Type }) => Type === type);
    expect(typesOf('AWS::Lambda::Function')).toHaveLength(6);
    // SAM would create a role of its own, with managed policies, for a function without one.
    expect(typesOf('AWS::IAM::Role')).toHaveLength(6);
    for (const { Properties } of typesOf('AWS::Lambda::Function'))
      expect(Properties.LoggingConfig).toMatchObject({
        LogFormat: 'JSON',
        SystemLogLevel: 'WARN',
        LogGroup: expect.anything(),
      });
    expect(typesOf('AWS::Lambda::EventSourceMapping').map(({ Properties }) => Properties)).toEqual([
      expect.objectContaining({
        Enabled: { 'Fn::If': ['ProcessorIsOn', true, false] },
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ScalingConfig: { MaximumConcurrency: { Ref: 'ProcessorConcurrency' } },
      }),
    ]);
  });
});

/** The translator accepts code only from S3, where `sam package` would have put it. */
const TRANSLATE = `
import json, sys
import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse
template = yaml_parse(open(sys.argv[1]).read())
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        resource["Properties"]["CodeUri"] = "s3://bucket/key"
session = boto3.session.Session(region_name="eu-central-1")
print(json.dumps(Translator({}, Parser(), boto_session=session).translate(template, {})))
`;
