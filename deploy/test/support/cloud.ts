import { ACCOUNT, type Deployment, REGION, resolveTemplate } from '../../src/resolve.ts';
import { type Resource, readTemplate } from '../../src/template.ts';

/** The template as it is written. */
export const template = readTemplate();

/** The names of the functions. */
export const FUNCTIONS = ['Ingest', 'Sweeper', 'Replay', 'Processor', 'Investigate', 'Watcher'] as const;

/** The name of a function. */
export type FunctionName = (typeof FUNCTIONS)[number];

const SERVICES: Readonly<Record<string, (id: string) => string>> = {
  'AWS::S3::Bucket': (id) => `arn:aws:s3:::${id}`,
  'AWS::DynamoDB::Table': (id) => `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${id}`,
  'AWS::SQS::Queue': (id) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${id}`,
  'AWS::Logs::LogGroup': (id) => `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${id}:*`,
  'AWS::IAM::Role': (id) => `arn:aws:iam::${ACCOUNT}:role/${id}`,
  'AWS::Serverless::Function': (id) => `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${id}`,
};

/** The ARN that a resource has in these tests. */
export function arnOf(id: string): string {
  const type = template.Resources[id]?.Type ?? '';
  return SERVICES[type]?.(id) ?? `arn:aws:${id}`;
}

/** The resources that a deployment with these parameters has. */
export function deploy(parameters: Deployment['parameters'] = {}, stackName?: string): Record<string, Resource> {
  return resolveTemplate(template, {
    parameters,
    stackName,
    ref: (id) => (template.Resources[id]?.Type === 'AWS::SecretsManager::Secret' ? secretArn(id) : id),
    attribute: (id, name) => (name === 'Arn' ? arnOf(id) : `${id}.${name}`),
  });
}

/** The ARN that a secret has in these tests. */
export function secretArn(id: string): string {
  return `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:${id}-AbCdEf`;
}

/** All resources of one type. */
export function ofType(resources: Record<string, Resource>, type: string): [id: string, resource: Resource][] {
  return Object.entries(resources).filter(([, { Type }]) => Type === type);
}
