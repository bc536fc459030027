import { describe, expect, it } from 'vitest';

import { arnOf, deploy, FUNCTIONS, type FunctionName, ofType, secretArn } from './support/cloud.ts';
import { type Access, isAllowed, isDenied, list, type Statement, statementsOf } from './support/iam.ts';

// G24: each function may do exactly what it needs. The golden list is what is allowed; the matrix is what must not be.

const resources = deploy();
const roleOf = (name: FunctionName) => statementsOf(resources[`${name}Role`]);

const bucket = arnOf('RawBucket');
const objects = (...prefixes: string[]) => prefixes.map((prefix) => `${bucket}/${prefix}/*`);
const [index, aggregates, replays] = ['IndexTable', 'AggregatesTable', 'ReplaysTable'].map(arnOf) as [
  string,
  string,
  string,
];
const [queue, dead] = [arnOf('ReplayQueue'), arnOf('DeadLetterQueue')];

/** Permissions of every function: to write its own log and its trace. */
const common = (name: FunctionName) => ({
  'logs:CreateLogStream': [arnOf(`${name}Log`)],
  'logs:PutLogEvents': [arnOf(`${name}Log`)],
  'xray:PutTraceSegments': ['*'],
  'xray:PutTelemetryRecords': ['*'],
});
const key = { 'secretsmanager:GetSecretValue': [secretArn('FirstApiKey')] };

const GOLDEN: Record<FunctionName, Record<string, readonly string[]>> = {
  Ingest: {
    's3:PutObject': objects('raw'),
    's3:GetObject': objects('raw'),
    'dynamodb:PutItem': [index],
    'dynamodb:GetItem': [index],
    'dynamodb:BatchGetItem': [index],
    'dynamodb:Query': [index],
    ...key,
  },
  Sweeper: {
    's3:GetObject': objects('raw'),
    's3:ListBucket': [bucket],
    'dynamodb:PutItem': [index],
    'dynamodb:GetItem': [index],
    'dynamodb:BatchGetItem': [index],
    'dynamodb:Query': [index],
  },
  Replay: {
    'dynamodb:GetItem': [index, replays],
    'dynamodb:BatchGetItem': [index],
    'dynamodb:Query': [index, aggregates, replays],
    'dynamodb:PutItem': [replays],
    'dynamodb:UpdateItem': [replays],
    's3:PutObject': objects('records'),
    's3:GetObject': objects('records', 'raw', 'manifests'),
    's3:ListBucket': [bucket],
    'sqs:SendMessage': [queue],
    'sqs:ReceiveMessage': [dead],
    'sqs:DeleteMessage': [dead],
    'sqs:ChangeMessageVisibility': [dead],
    'sqs:GetQueueAttributes': [dead],
    ...key,
  },
  Processor: {
    'sqs:ReceiveMessage': [queue],
    'sqs:DeleteMessage': [queue],
    'sqs:GetQueueAttributes': [queue],
    'sqs:ChangeMessageVisibility': [queue],
    'sqs:SendMessage': [dead],
    'dynamodb:GetItem': [index, replays],
    'dynamodb:BatchGetItem': [index],
    'dynamodb:Query': [index, aggregates],
    'dynamodb:PutItem': [index, aggregates, replays],
    's3:GetObject': objects('raw', 'manifests'),
    's3:PutObject': objects('manifests'),
    's3:ListBucket': [bucket],
  },
  Watcher: {
    'dynamodb:GetItem': [index, replays],
    'dynamodb:BatchGetItem': [index],
    'dynamodb:Query': [index, replays],
    'dynamodb:PutItem': [replays],
    's3:GetObject': objects('raw'),
    's3:ListBucket': [bucket],
  },
  Investigate: {
    'dynamodb:GetItem': [index, aggregates, replays],
    'dynamodb:BatchGetItem': [index],
    'dynamodb:Query': [index, aggregates, replays],
    'dynamodb:Scan': [index],
    's3:GetObject': objects('raw', 'manifests', 'records'),
    's3:ListBucket': [bucket],
    ...key,
  },
};

/** The allowed resources, action by action. */
function allowances(statements: readonly Statement[]): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { Action, Resource } of statements)
    for (const action of list(Action)) found[action] = [...(found[action] ?? []), ...list(Resource)].sort();
  return found;
}

const sorted = (golden: Record<string, readonly string[]>) =>
  Object.fromEntries(Object.entries(golden).map(([action, on]) => [action, [...on].sort()]));

describe('G24: each function may do', () => {
  for (const name of FUNCTIONS) {
    it(`${name}: what the golden list says, on that, and nothing else`, () => {
      expect(allowances(roleOf(name))).toEqual(sorted({ ...common(name), ...GOLDEN[name] }));
      expect(roleOf(name).every(({ Effect }) => Effect === 'Allow')).toBe(true);
    });
  }

  it('no action is a pattern, and every resource but a trace is named', () => {
    for (const name of FUNCTIONS)
      for (const { Action, Resource, Sid } of roleOf(name)) {
        expect(list(Action).filter((action) => action.includes('*'))).toEqual([]);
        if (Sid !== 'Trace') expect(list(Resource)).not.toContain('*');
      }
  });

  it('only Lambda can assume a role, and only for one function', () => {
    const roles = ofType(resources, 'AWS::IAM::Role').map(([id, { Properties }]) => {
      const [statement, ...others] = Properties.AssumeRolePolicyDocument.Statement;
      expect([statement.Principal, others]).toEqual([{ Service: 'lambda.amazonaws.com' }, []]);
      return arnOf(id);
    });
    const taken = ofType(resources, 'AWS::Serverless::Function').map(([, { Properties }]) => Properties.Role);
    expect(taken.sort()).toEqual(roles.sort());
  });

  it('with IAM authentication no function reads a key', () => {
    const withoutKeys = deploy({ Authentication: 'IAM' });
    for (const name of FUNCTIONS)
      expect(Object.keys(allowances(statementsOf(withoutKeys[`${name}Role`])))).not.toContain(
        'secretsmanager:GetSecretValue',
      );
  });
});

describe('G24: what must be denied', () => {
  const table = (action: string) =>
    [index, aggregates, replays].map((resource) => ({ action: `dynamodb:${action}`, resource }));
  const object = (action: string) =>
    ['raw', 'manifests', 'records', 'other'].map((prefix) => ({
      action: `s3:${action}`,
      resource: `${bucket}/${prefix}/x`,
    }));
  const message = (action: string) => [queue, dead].map((resource) => ({ action: `sqs:${action}`, resource }));
  const everywhere: Access[] = [
    ...['DeleteItem', 'DeleteTable', 'BatchWriteItem', 'UpdateTable', 'PartiQLInsert', 'CreateBackup'].flatMap(table),
    ...['DeleteObject', 'DeleteObjectVersion', 'PutObjectAcl', 'GetObjectVersion'].flatMap(object),
    ...['PutLifecycleConfiguration', 'PutBucketPolicy', 'PutBucketVersioning', 'DeleteBucket'].map((action) => ({
      action: `s3:${action}`,
      resource: bucket,
    })),
    ...['PurgeQueue', 'DeleteQueue', 'SetQueueAttributes', 'AddPermission'].flatMap(message),
    ...[
      'iam:PassRole',
      'iam:CreateRole',
      'sts:AssumeRole',
      'lambda:InvokeFunction',
      'lambda:UpdateFunctionCode',
      'kms:Decrypt',
    ].map((action) => ({ action, resource: arnOf('IngestRole') })),
    { action: 'secretsmanager:GetSecretValue', resource: secretArn('another') },
    { action: 'logs:CreateLogGroup', resource: '*' },
    { action: 'logs:PutLogEvents', resource: arnOf('ApiLog') },
  ];
  const failureRow = { 'dynamodb:LeadingKeys': ['F#20251228#3'] };
  const eventRow = { 'dynamodb:LeadingKeys': ['E#0123456789ab'] };
  const writes = (on: string[]) =>
    on.flatMap((resource) => ['PutItem', 'UpdateItem'].map((action) => ({ action: `dynamodb:${action}`, resource })));

  const DENIED: Record<FunctionName, Access[]> = {
    Ingest: [
      ...['Scan', 'Query', 'UpdateItem'].flatMap(table),
      // A producer's function cannot list any of the event rows.
      { action: 'dynamodb:Query', resource: index, context: eventRow },
      ...writes([aggregates, replays]),
      ...['SendMessage', 'ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'].flatMap(message),
      ...object('PutObject').slice(1),
      ...object('GetObject').slice(1),
      { action: 's3:ListBucket', resource: bucket },
    ],
    Sweeper: [
      ...object('PutObject'),
      ...object('GetObject').slice(1),
      ...writes([aggregates, replays]),
      ...['Query', 'UpdateItem'].flatMap(table),
      { action: 'dynamodb:Query', resource: index, context: eventRow },
      ...['SendMessage', 'ReceiveMessage', 'DeleteMessage'].flatMap(message),
      { action: 's3:ListBucket', resource: bucket, context: { 's3:prefix': 'manifests/' } },
      { action: 's3:ListBucket', resource: bucket },
      { action: 'secretsmanager:GetSecretValue', resource: secretArn('FirstApiKey') },
    ],
    Replay: [
      ...object('PutObject').filter(({ resource }) => !resource.includes('/records/')),
      ...writes([index, aggregates]),
      ...table('Scan'),
      { action: 'sqs:ReceiveMessage', resource: queue },
      { action: 'sqs:DeleteMessage', resource: queue },
      { action: 'sqs:SendMessage', resource: dead },
    ],
    Processor: [
      ...object('PutObject').filter(({ resource }) => !resource.includes('/manifests/')),
      { action: 'dynamodb:PutItem', resource: index, context: eventRow },
      {
        action: 'dynamodb:PutItem',
        resource: index,
        context: { 'dynamodb:LeadingKeys': ['F#20251228#3', 'E#0123456789ab'] },
      },
      { action: 'dynamodb:PutItem', resource: index },
      { action: 'dynamodb:UpdateItem', resource: index, context: failureRow },
      ...['Scan', 'UpdateItem'].flatMap(table),
      { action: 'sqs:SendMessage', resource: queue },
      { action: 'sqs:ReceiveMessage', resource: dead },
      { action: 'secretsmanager:GetSecretValue', resource: secretArn('FirstApiKey') },
    ],
    Watcher: [
      ...writes([index, aggregates]),
      ...['Scan', 'UpdateItem'].flatMap(table),
      // It writes monitors and incidents, and no replay.
      { action: 'dynamodb:PutItem', resource: replays, context: { 'dynamodb:LeadingKeys': ['REPLAY'] } },
      { action: 'dynamodb:PutItem', resource: replays },
      ...object('PutObject'),
      ...object('GetObject').slice(1),
      ...['SendMessage', 'ReceiveMessage', 'DeleteMessage'].flatMap(message),
      { action: 'secretsmanager:GetSecretValue', resource: secretArn('FirstApiKey') },
      { action: 'sns:Publish', resource: '*' },
    ],
    Investigate: [
      ...writes([index, aggregates, replays]),
      ...object('PutObject'),
      ...['SendMessage', 'ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility'].flatMap(message),
    ],
  };

  for (const name of FUNCTIONS) {
    it(`${name}: everything of other functions, and everything that destroys`, () => {
      const allowed = [...everywhere, ...DENIED[name]].filter((access) => isAllowed(roleOf(name), access));
      expect(allowed).toEqual([]);
    });
  }

  it('the matrix can fail: the needs of each function are allowed', () => {
    const needed: [FunctionName, Access][] = [
      ['Ingest', { action: 's3:PutObject', resource: `${bucket}/raw/v1/x` }],
      ['Ingest', { action: 'dynamodb:PutItem', resource: index, context: eventRow }],
      ['Sweeper', { action: 's3:ListBucket', resource: bucket, context: { 's3:prefix': 'raw/v1/' } }],
      ['Replay', { action: 's3:PutObject', resource: `${bucket}/records/v1/x` }],
      ['Processor', { action: 'dynamodb:PutItem', resource: index, context: failureRow }],
      ['Processor', { action: 's3:PutObject', resource: `${bucket}/manifests/v1/x` }],
      ['Investigate', { action: 'dynamodb:Scan', resource: index }],
      ['Watcher', { action: 'dynamodb:PutItem', resource: replays, context: { 'dynamodb:LeadingKeys': ['MONITOR'] } }],
    ];
    expect(needed.filter(([name, access]) => !isAllowed(roleOf(name), access))).toEqual([]);
  });
});

describe('G17: the bucket refuses to every caller', () => {
  const policy = resources.RawBucketPolicy?.Properties.PolicyDocument.Statement as Statement[];
  const tls = { 'aws:SecureTransport': 'true' };
  const put = (context: Record<string, string>) => ({
    action: 's3:PutObject',
    resource: `${bucket}/raw/v1/x`,
    context: { ...tls, ...context },
  });

  it('R6: a write without a check for an existing object', () => {
    const creating = { 's3:ObjectCreationOperation': 'true' };
    expect(isDenied(policy, put(creating))).toBe(true);
    expect(isDenied(policy, put({ ...creating, 's3:if-none-match': '*' }))).toBe(false);
    // Uploading a part creates no object.
    expect(isDenied(policy, put({ 's3:ObjectCreationOperation': 'false' }))).toBe(false);
    for (const prefix of ['manifests', 'records'])
      expect(isDenied(policy, { ...put(creating), resource: `${bucket}/${prefix}/x` })).toBe(true);
  });

  it('a deletion, of an object or of one of its versions', () => {
    for (const action of ['s3:DeleteObject', 's3:DeleteObjectVersion'])
      expect(isDenied(policy, { action, resource: `${bucket}/raw/v1/x`, context: tls })).toBe(true);
  });

  it('security 12: anything without TLS; the queues too', () => {
    const plain = { 'aws:SecureTransport': 'false' };
    expect(isDenied(policy, { action: 's3:GetObject', resource: `${bucket}/raw/v1/x`, context: plain })).toBe(true);
    expect(isDenied(policy, { action: 's3:GetObject', resource: `${bucket}/raw/v1/x`, context: tls })).toBe(false);
    const queuePolicy = resources.QueuePolicy?.Properties;
    expect(queuePolicy?.Queues).toEqual(['ReplayQueue', 'DeadLetterQueue']);
    for (const resource of [queue, dead])
      expect(
        isDenied(queuePolicy?.PolicyDocument.Statement, { action: 'sqs:SendMessage', resource, context: plain }),
      ).toBe(true);
  });
});
