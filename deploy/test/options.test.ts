import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { brokenRules } from '../src/resolve.ts';
import { placeholder, type Resource, type Value } from '../src/template.ts';
import { deploy, FUNCTIONS, ofType, template } from './support/cloud.ts';
import { isAllowed, isDenied, list, type Statement, statementsOf } from './support/iam.ts';

// Options of a deployment: a host name, a VPC, a budget, a second stack next to it.

const README = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
const DOMAIN = {
  DomainName: 'pik.example.com',
  CertificateArn: 'arn:aws:acm:eu-central-1:123456789012:certificate/0a1b-2c',
};
const RECORD = { ...DOMAIN, HostedZoneId: 'Z0123456789ABC' };
const NETWORK = { SubnetIds: 'subnet-0a1b2c3d,subnet-4e5f6a7b', SecurityGroupIds: 'sg-0a1b2c3d' };
const BUDGET = { MonthlyBudgetUsd: 50, BudgetEmail: 'ops@example.com' };

const added = (parameters: Parameters<typeof deploy>[0]) => {
  const before = Object.keys(deploy());
  return Object.keys(deploy(parameters)).filter((id) => !before.includes(id));
};
const propertiesOf = (of: Record<string, Resource>, id: string): Record<string, Value> => of[id]?.Properties ?? {};

describe('the rules', () => {
  it.each([DOMAIN, RECORD, NETWORK, BUDGET, {}])('accept %o', (parameters) => {
    expect(brokenRules(template, parameters)).toEqual([]);
    for (const [name, value] of Object.entries(parameters)) {
      const { AllowedPattern } = template.Parameters[name] ?? {};
      if (AllowedPattern !== undefined) expect([name, value]).toEqual([name, expect.stringMatching(AllowedPattern)]);
    }
  });

  it.each([
    [{ DomainName: 'pik.example.com' }, 'DomainName needs CertificateArn'],
    [{ HostedZoneId: 'Z0123456789ABC' }, 'HostedZoneId needs DomainName'],
    [{ SubnetIds: 'subnet-0a1b2c3d' }, 'SubnetIds needs SecurityGroupIds'],
    [{ MonthlyBudgetUsd: 50 }, 'MonthlyBudgetUsd needs BudgetEmail'],
  ])('refuse %o', (parameters, expected) => {
    expect(brokenRules(template, parameters)).toEqual([expected]);
  });
});

describe('a host name', () => {
  it('adds the name and its mapping to the stage, and the record only with a hosted zone', () => {
    expect(added(DOMAIN)).toEqual(['ApiDomain', 'ApiMapping']);
    expect(added(RECORD)).toEqual(['ApiDomain', 'ApiMapping', 'ApiRecord']);
    const resources = deploy(RECORD);
    expect(propertiesOf(resources, 'ApiDomain')).toEqual({
      DomainName: 'pik.example.com',
      DomainNameConfigurations: [
        { CertificateArn: DOMAIN.CertificateArn, EndpointType: 'REGIONAL', SecurityPolicy: 'TLS_1_2' },
      ],
    });
    expect(propertiesOf(resources, 'ApiMapping')).toEqual({ ApiId: 'Api', DomainName: 'ApiDomain', Stage: 'ApiStage' });
    expect(propertiesOf(resources, 'ApiRecord')).toMatchObject({
      Name: 'pik.example.com',
      AliasTarget: { DNSName: 'ApiDomain.RegionalDomainName', HostedZoneId: 'ApiDomain.RegionalHostedZoneId' },
    });
  });

  it('is the URL that the stack prints', () => {
    const [condition, named, own] = template.Outputs.ApiUrl?.Value['Fn::If'] ?? [];
    expect([condition, named]).toEqual(['HasDomain', { 'Fn::Sub': `https://${placeholder('DomainName')}` }]);
    expect(own).toEqual({ 'Fn::GetAtt': ['Api', 'ApiEndpoint'] });
  });
});

describe('a VPC', () => {
  const inside = deploy(NETWORK);
  const actions = ['CreateNetworkInterface', 'DescribeNetworkInterfaces', 'DeleteNetworkInterface'];

  it('holds every function, and changes nothing else about it', () => {
    const outside = deploy();
    for (const name of FUNCTIONS) {
      const { VpcConfig, ...rest } = propertiesOf(inside, `${name}Function`);
      expect(VpcConfig).toEqual({
        SubnetIds: ['subnet-0a1b2c3d', 'subnet-4e5f6a7b'],
        SecurityGroupIds: ['sg-0a1b2c3d'],
      });
      expect(rest).toEqual(propertiesOf(outside, `${name}Function`));
      expect(propertiesOf(inside, `${name}Role`).ManagedPolicyArns).toEqual(['NetworkPolicy']);
      expect(propertiesOf(outside, `${name}Role`)).not.toHaveProperty('ManagedPolicyArns');
    }
    expect(added(NETWORK)).toEqual(['NetworkPolicy']);
  });

  it('G24: Lambda may connect the functions, and their code may not', () => {
    const policy = propertiesOf(inside, 'NetworkPolicy').PolicyDocument.Statement as Statement[];
    const code = {
      'lambda:SourceFunctionArn': 'arn:aws:lambda:eu-central-1:123456789012:function:kit-ingest',
    };
    for (const action of actions.map((name) => `ec2:${name}`)) {
      expect([action, isAllowed(policy, { action, resource: '*' })]).toEqual([action, true]);
      expect([action, isDenied(policy, { action, resource: '*', context: code })]).toEqual([action, true]);
      expect([action, isDenied(policy, { action, resource: '*' })]).toEqual([action, false]);
    }
    expect(policy.flatMap(({ Action }) => list(Action)).filter((action) => action.includes('*'))).toEqual([]);
  });

  it('the README names every service that the functions call from there', () => {
    const [, table = ''] = /### In a VPC\n([\s\S]*?)\n### /.exec(README) ?? [];
    const roles = ofType(deploy({ AlarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:ops' }), 'AWS::IAM::Role');
    const called = new Set(
      roles.flatMap(([, role]) => statementsOf(role).flatMap(({ Action }) => list(Action).map((a) => a.split(':')[0]))),
    );
    // Lambda itself delivers log lines and traces.
    for (const service of called)
      if (service !== 'logs' && service !== 'xray') expect(table).toContain(`\`${service}\``);
  });
});

describe('a budget', () => {
  it('counts the costs of this stack alone, and warns before and at the limit', () => {
    expect(added(BUDGET)).toEqual(['Budget']);
    const { Budget, NotificationsWithSubscribers } = propertiesOf(deploy(BUDGET), 'Budget');
    expect(Budget).toMatchObject({
      BudgetLimit: { Amount: 50, Unit: 'USD' },
      TimeUnit: 'MONTHLY',
      CostFilters: { TagKeyValue: ['aws:cloudformation:stack-name$kit'] },
    });
    expect(
      NotificationsWithSubscribers.map((one: Value) => [one.Notification.NotificationType, one.Notification.Threshold]),
    ).toEqual([
      ['ACTUAL', 80],
      ['FORECASTED', 100],
    ]);
    for (const { Subscribers } of NotificationsWithSubscribers)
      expect(Subscribers).toEqual([{ SubscriptionType: 'EMAIL', Address: 'ops@example.com' }]);
  });
});

describe('a second stack in the same account and region', () => {
  const NAMES: Readonly<Record<string, (properties: Value) => string>> = {
    'AWS::Serverless::Function': ({ FunctionName }) => FunctionName,
    'AWS::Logs::LogGroup': ({ LogGroupName }) => LogGroupName,
    'AWS::CloudWatch::Dashboard': ({ DashboardName }) => DashboardName,
    'AWS::Athena::WorkGroup': ({ Name }) => Name,
    'AWS::Glue::Database': ({ DatabaseInput }) => DatabaseInput.Name,
    'AWS::ApiGatewayV2::DomainName': ({ DomainName }) => DomainName,
    'AWS::Route53::RecordSet': ({ Name }) => Name,
    'AWS::Budgets::Budget': ({ Budget }) => Budget.BudgetName,
  };
  /** Types whose name may occur twice, lies within another resource, or is made unique by CloudFormation. */
  const FREE =
    /::(Api|Stage|ApiMapping|Route|Integration|Permission|Role|ManagedPolicy|Alarm|Rule|NamedQuery|Bucket|BucketPolicy|QueuePolicy|Secret)$|^AWS::(Glue|DynamoDB)::Table$|^AWS::SQS::Queue$/;
  const namesOf = (resources: Record<string, Resource>) =>
    Object.values(resources).flatMap(({ Type, Properties }) => {
      const name = NAMES[Type]?.(Properties);
      if (name === undefined && !FREE.test(Type)) throw new Error(`are the names of ${Type} unique?`);
      return name === undefined ? [] : [`${Type} ${name}`];
    });
  const unnamed = ['AWS::S3::Bucket', 'AWS::DynamoDB::Table', 'AWS::SQS::Queue', 'AWS::IAM::Role'];

  it('no resource that CloudFormation names has a name in the template', () => {
    const named = Object.values(deploy()).filter(
      ({ Type, Properties }) =>
        unnamed.includes(Type) && Object.keys(Properties).some((field) => /^\w*Name$/.test(field)),
    );
    expect(named).toEqual([]);
  });

  const everything = { ...RECORD, ...NETWORK, ...BUDGET };

  it('shares no name with the first, given a database and a host name of its own', () => {
    const first = namesOf(deploy(everything));
    const second = namesOf(deploy({ ...everything, AthenaDatabase: 'pik2', DomainName: 'pik2.example.com' }, 'kit2'));
    expect(first.length).toBeGreaterThan(15);
    expect(first.filter((name) => second.includes(name))).toEqual([]);
  });

  it('would share its names without them, and the check finds those', () => {
    const first = namesOf(deploy(everything));
    const shared = namesOf(deploy(everything, 'kit2')).filter((name) => first.includes(name));
    expect(shared.sort()).toEqual([
      'AWS::ApiGatewayV2::DomainName pik.example.com',
      'AWS::Glue::Database pik',
      'AWS::Route53::RecordSet pik.example.com',
    ]);
  });
});
