import { SECRET_MS_MAX } from '@pik/handlers/aws-secret';
import { PORT_CALL_MS } from '@pik/handlers/aws-setup';
import { readSettings, type SettingName } from '@pik/handlers/environment';
import { API_WAIT_MS_MAX } from '@pik/handlers/http-function';
import { open as openIngest } from '@pik/handlers/ingest';
import { open as openInvestigate } from '@pik/handlers/investigate';
import type { Setup } from '@pik/handlers/kit';
import { open as openProcessor } from '@pik/handlers/processor';
import { open as openReplay } from '@pik/handlers/replay';
import { open as openSweeper } from '@pik/handlers/sweeper';
import { open as openWatcher } from '@pik/handlers/watcher';
import { LIMITS, ROUTES, type RouteName } from '@pik/schema';
import { createMemoryBackend } from '@pik/testkit';
import { setupOver, VARIABLES } from '@pik/testkit/fixtures/functions/functions';
import { functionOf } from '@pik/testkit/fixtures/functions/gateway';
import { describe, expect, it } from 'vitest';
import type { Value } from '../src/template.ts';
import { arnOf, deploy, FUNCTIONS, type FunctionName, ofType, secretArn, template } from './support/cloud.ts';

// The template as a value: the design's claims about the cloud, without an account.

const resources = deploy();
const propertiesOf = (id: string, of = resources): Record<string, Value> => of[id]?.Properties ?? {};
const functionProperties = (name: FunctionName, of = resources) => propertiesOf(`${name}Function`, of);
const OPEN: Record<FunctionName, (setup: Setup) => Promise<unknown>> = {
  Ingest: openIngest,
  Sweeper: openSweeper,
  Replay: openReplay,
  Processor: openProcessor,
  Investigate: openInvestigate,
  Watcher: openWatcher,
};

describe('parameters', () => {
  it.each(Object.entries(template.Parameters))(
    '%s has a description and a default, and takes nothing out of bounds',
    (_, parameter) => {
      expect(parameter.Description).toMatch(/^[A-Z].*[.]$/s);
      expect(parameter.Default).toBeDefined();
      const bounded =
        parameter.Type === 'Number'
          ? (parameter.MinValue ?? parameter.AllowedValues)
          : (parameter.AllowedPattern ?? parameter.AllowedValues);
      expect(bounded).toBeDefined();
      if (parameter.AllowedPattern !== undefined)
        expect(String(parameter.Default)).toMatch(new RegExp(parameter.AllowedPattern));
    },
  );

  it('the functions accept exactly the keys and days that the template lets through', () => {
    const pattern = (name: string) => new RegExp(template.Parameters[name]?.AllowedPattern ?? '(?!)');
    const hash = 'a'.repeat(64);
    const keys = [
      '',
      `ios:ingest:${hash}`,
      `ops@x.org:investigate+replay:${hash},a:import:${hash}`,
      'ios',
      `ios:write:${hash}`,
      `ios:ingest:${hash},`,
      'ios:ingest:pik_plain',
    ];
    const days = ['0', '14', '400', '9999', '13', '1', '', '-1', '07', 'forever'];
    const reads = (variable: string, name: SettingName, value: string) => {
      try {
        readSettings({ [variable]: value }, [name]);
        return true;
      } catch {
        return false;
      }
    };
    for (const value of keys)
      expect([value, pattern('ApiKeys').test(value)]).toEqual([value, reads('PIK_API_KEYS', 'apiKeys', value)]);
    for (const value of days.filter((day) => day !== '07'))
      expect([value, pattern('RawRetentionDays').test(value)]).toEqual([
        value,
        reads('PIK_RAW_RETENTION_DAYS', 'indexRetentionMs', value),
      ]);
  });

  it('Lambda variables have room for the longest list of keys', () => {
    const longest = { ...VARIABLES, PIK_API_KEYS: 'x'.repeat(template.Parameters.ApiKeys === undefined ? 0 : 2_400) };
    expect(Buffer.byteLength(JSON.stringify(longest))).toBeLessThan(4_096);
  });
});

describe('the processor parameter', () => {
  it('D08: turns the delivery of messages on and off, and changes nothing else', () => {
    const on = deploy({ EnableProcessor: 'true' });
    const off = deploy({ EnableProcessor: 'false' });
    const events = (of: typeof on) => functionProperties('Processor', of).Events.Messages.Properties;
    expect([events(on).Enabled, events(off).Enabled]).toEqual([true, false]);
    events(off).Enabled = true;
    expect(off).toEqual(on);
  });
});

describe('the queue', () => {
  const { Events, Timeout } = functionProperties('Processor');
  const mapping = Events.Messages.Properties;
  const queue = propertiesOf('ReplayQueue');
  const dead = propertiesOf('DeadLetterQueue');

  it('Q5: partial batch responses are on', () => {
    expect(mapping.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
    expect(mapping.Queue).toBe(arnOf('ReplayQueue'));
  });

  it('L11: messages stay hidden for six times the longest run, and for the wait of a batch', () => {
    expect(queue.VisibilityTimeout).toBeGreaterThanOrEqual(6 * Timeout + (mapping.MaximumBatchingWindowInSeconds ?? 0));
  });

  it('Q4: a message that ends the process affects no other', () => {
    expect(mapping.BatchSize).toBe(1);
  });

  it('Q9: a message dies at the limit of the code, and looking at it does not count', () => {
    expect(queue.RedrivePolicy).toEqual({
      deadLetterTargetArn: arnOf('DeadLetterQueue'),
      maxReceiveCount: LIMITS.message_receives_max,
    });
    expect(queue.RedrivePolicy.maxReceiveCount).toBeGreaterThanOrEqual(5);
  });

  it('Q8: dead letters outlive the queue they came from, days at least', () => {
    expect(dead.MessageRetentionPeriod).toBe(14 * 86_400);
    expect(dead.MessageRetentionPeriod - queue.MessageRetentionPeriod).toBeGreaterThanOrEqual(4 * 86_400);
  });

  it('has a bound of concurrency, and is encrypted', () => {
    expect(mapping.ScalingConfig.MaximumConcurrency).toBe(10);
    expect([queue.SqsManagedSseEnabled, dead.SqsManagedSseEnabled]).toEqual([true, true]);
  });
});

describe('retention', () => {
  const KEPT = ['RawBucket', 'RawBucketPolicy', 'IndexTable', 'AggregatesTable', 'ReplaysTable', 'DeadLetterQueue'];

  it('D09: outlives the stack: bucket, tables, dead letters', () => {
    for (const id of KEPT)
      expect([id, resources[id]?.DeletionPolicy, resources[id]?.UpdateReplacePolicy]).toEqual([id, 'Retain', 'Retain']);
  });

  it('everything else with a state declares what happens to it', () => {
    const stateful = /::(Bucket|Table|Queue|LogGroup|Secret)$/;
    const silent = Object.entries(resources).filter(
      ([, { Type, DeletionPolicy }]) =>
        stateful.test(Type) && !Type.startsWith('AWS::Glue') && DeletionPolicy === undefined,
    );
    expect(silent.map(([id]) => id)).toEqual([]);
  });

  it.each(['IndexTable', 'AggregatesTable', 'ReplaysTable'])(
    'D09: %s is protected, can be restored to a point in time, and is paid by request',
    (id) => {
      expect(propertiesOf(id)).toEqual({
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        TimeToLiveSpecification: { AttributeName: 'expires_at', Enabled: true },
      });
    },
  );

  it('D09, security 28: the bucket is versioned, encrypted and closed', () => {
    const bucket = propertiesOf('RawBucket');
    expect(bucket.VersioningConfiguration).toEqual({ Status: 'Enabled' });
    expect(
      bucket.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.SSEAlgorithm,
    ).toBe('AES256');
    expect(Object.values(bucket.PublicAccessBlockConfiguration)).toEqual([true, true, true, true]);
    expect(bucket.OwnershipControls.Rules).toEqual([{ ObjectOwnership: 'BucketOwnerEnforced' }]);
  });

  it('R15, R16: only packs expire, only on request; parts of uploads never stay', () => {
    const rules = (days: string) =>
      propertiesOf('RawBucket', deploy({ RawRetentionDays: days })).LifecycleConfiguration.Rules;
    expect(rules('0')).toEqual([
      { Id: 'abort-multipart', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
    ]);
    expect(rules('400')[1]).toMatchObject({ Prefix: 'raw/', ExpirationInDays: '400' });
    expect(rules('400')).toHaveLength(2);
  });

  it('G5: index and raw log follow the same parameter, in every function', () => {
    const of = deploy({ RawRetentionDays: '90' });
    for (const name of FUNCTIONS) {
      const variables = functionProperties(name, of).Environment.Variables;
      expect(readSettings(variables, ['indexRetentionMs']).indexRetentionMs).toBe(83 * 86_400_000);
    }
  });
});

describe('the functions', () => {
  const url = (id: string) => `https://sqs.eu-central-1.amazonaws.com/123456789012/${id}`;
  const variablesOf = (name: FunctionName): Record<string, string> => {
    const variables = { ...functionProperties(name).Environment.Variables };
    for (const [variable, value] of Object.entries(variables))
      if (variable.endsWith('QUEUE_URL')) variables[variable] = url(String(value));
    return variables;
  };

  it.each(FUNCTIONS)(
    'D04, D60: %s gets every variable that it reads, with a valid value, and no other',
    async (name) => {
      const asked = new Set<string>();
      const given = variablesOf(name);
      const variables = new Proxy(given, {
        get(target, variable: string) {
          asked.add(variable);
          return target[variable];
        },
      });
      await OPEN[name]({ ...setupOver(createMemoryBackend()), variables });
      expect(Object.keys(given).sort()).toEqual([...asked].sort());
    },
  );

  it.each(FUNCTIONS)('%s runs on arm64, is traced, and logs lines of JSON into a group of its own', (name) => {
    const { Architectures, Runtime, Tracing, LoggingConfig, Handler, Metadata, ...rest } = functionProperties(name);
    expect([Architectures, Runtime, Tracing, Handler]).toEqual([['arm64'], 'nodejs24.x', 'Active', 'index.handler']);
    expect(LoggingConfig).toMatchObject({ LogFormat: 'JSON', LogGroup: `${name}Log` });
    expect(rest.CodeUri).toBe(`dist/${name.toLowerCase()}`);
    expect(template.Resources[`${name}Function`]?.Metadata).toEqual({ SkipBuild: true });
  });

  it('L1: functions behind the API end before the API gives up', () => {
    for (const name of ['Ingest', 'Replay', 'Investigate'] as const)
      expect(propertiesOf(`${name}Integration`).TimeoutInMillis).toBeGreaterThan(
        functionProperties(name).Timeout * 1_000,
      );
  });

  it('L1: the port calls of an ingest and a look for the first key end before the function does', () => {
    const [ping, append, admit] = [PORT_CALL_MS, PORT_CALL_MS, PORT_CALL_MS];
    expect(SECRET_MS_MAX + ping + append + admit).toBeLessThan(functionProperties('Ingest').Timeout * 1_000 - 1_000);
  });

  it('G16: an answer is called final only when nothing received before can still be in progress', () => {
    const { settleMs } = readSettings(variablesOf('Ingest'), ['settleMs']);
    const inWorkMs = API_WAIT_MS_MAX + functionProperties('Ingest').Timeout * 1_000;
    expect(settleMs).toBeGreaterThanOrEqual(inWorkMs + 5_000);
  });

  it('security 7: none can be called from outside except through the API, the queue and the schedule', () => {
    expect(ofType(resources, 'AWS::Lambda::Url')).toEqual([]);
    for (const name of FUNCTIONS) {
      const { FunctionUrlConfig, Events = {} } = functionProperties(name);
      expect(FunctionUrlConfig).toBeUndefined();
      expect(
        Object.values<Value>(Events)
          .map(({ Type }) => Type)
          .filter((type) => !['SQS', 'Schedule'].includes(type)),
      ).toEqual([]);
    }
    const sources = ofType(resources, 'AWS::Lambda::Permission').map(([, { Properties }]) => Properties);
    for (const { FunctionName, Principal, SourceArn } of sources) {
      if (FunctionName === 'WatcherFunction')
        expect([Principal, SourceArn]).toEqual(['events.amazonaws.com', arnOf('WatcherSchedule')]);
      else
        expect([Principal, SourceArn]).toEqual([
          'apigateway.amazonaws.com',
          'arn:aws:execute-api:eu-central-1:123456789012:Api/*',
        ]);
    }
  });
});

describe('the API', () => {
  const routes = (of = resources) => ofType(of, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => Properties);

  it('every route of the kit goes to the function that has its handler', () => {
    const targets = new Map(routes().map(({ RouteKey, Target }) => [RouteKey, Target]));
    for (const [name, { path }] of Object.entries(ROUTES) as [RouteName, { path: string }][]) {
      const key = `ANY ${path.replace(/:(\w+)/g, '{$1}')}`;
      const integration = (targets.get(key) ?? targets.get('$default'))?.replace('integrations/', '');
      expect([name, propertiesOf(integration).IntegrationUri]).toEqual([
        name,
        arnOf(`${capital(functionOf(name))}Function`),
      ]);
    }
    const paths = Object.values(ROUTES).map(({ path }) => `ANY ${path.replace(/:(\w+)/g, '{$1}')}`);
    expect([...targets.keys()].filter((key) => key !== '$default' && !paths.includes(key))).toEqual([]);
  });

  it('D51, security 1: every route authenticates its caller, with either setting; there is no third; a webhook proves itself by its signature', () => {
    expect(template.Parameters.Authentication?.AllowedValues).toEqual(['API_KEYS', 'IAM']);
    expect(template.Parameters.Authentication?.Default).toBe('API_KEYS');
    const variables = functionProperties('Ingest').Environment.Variables;
    expect([variables.PIK_AUTHENTICATION, variables.PIK_FIRST_KEY_SECRET]).toEqual([
      'API_KEYS',
      secretArn('FirstApiKey'),
    ]);
    const byIam = deploy({ Authentication: 'IAM' });
    for (const { RouteKey, AuthorizationType } of routes(byIam))
      expect([RouteKey, AuthorizationType]).toEqual([RouteKey, RouteKey === 'ANY /hooks/{name}' ? 'NONE' : 'AWS_IAM']);
    expect(byIam.FirstApiKey).toBeUndefined();
    expect(functionProperties('Ingest', byIam).Environment.Variables.PIK_AUTHENTICATION).toBe('IAM');
  });

  it('the first key is unguessable, and a valid header token', () => {
    const { PasswordLength, ExcludePunctuation } = propertiesOf('FirstApiKey').GenerateSecretString;
    expect(PasswordLength * Math.log2(62)).toBeGreaterThanOrEqual(256);
    expect(ExcludePunctuation).toBe(true);
  });

  it('D51, security 9: is throttled by parameter, and has an access log of whole JSON that names the ids of API and function', () => {
    const { DefaultRouteSettings, AccessLogSettings } = propertiesOf(
      'ApiStage',
      deploy({ ThrottleRate: 7, ThrottleBurst: 9 }),
    );
    expect(DefaultRouteSettings).toMatchObject({ ThrottlingRateLimit: 7, ThrottlingBurstLimit: 9 });
    expect(AccessLogSettings.DestinationArn).toBe(arnOf('ApiLog'));
    // As API Gateway fills it in: `messageString` and similar values come with their own quotes.
    const line = AccessLogSettings.Format.replace(/\$context\.([A-Za-z.]+)/g, (_: string, name: string) =>
      name.endsWith('String') ? '"Forbidden"' : 'Forbidden',
    );
    expect(JSON.parse(line)).toMatchObject({ error: 'Forbidden', status: 'Forbidden' });
    expect(JSON.parse(AccessLogSettings.Format)).toMatchObject({
      api_request_id: '$context.requestId',
      lambda_request_id: '$context.integration.requestId',
    });
    expect(AccessLogSettings.Format).not.toContain('\n');
  });
});

describe('outputs', () => {
  it('D63: name the URL of the API, the place of the first key, and the retained resources', () => {
    const { ApiUrl, FirstApiKeySecret, ...rest } = template.Outputs;
    expect(ApiUrl?.Value['Fn::If'].at(-1)).toEqual({ 'Fn::GetAtt': ['Api', 'ApiEndpoint'] });
    expect(FirstApiKeySecret?.Value).toEqual({ Ref: 'FirstApiKey' });
    for (const name of ['RawBucketName', 'IndexTableName', 'AggregatesTableName', 'ReplaysTableName'])
      expect(Object.keys(rest)).toContain(name);
    for (const { Description } of Object.values(template.Outputs)) expect(Description).toBeTruthy();
  });
});

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
