// Written by `npm run generate -w deploy` from template.yaml.

/** Parameters of the stack, as of the template. */
export interface KitParameters {
  /**
   * API_KEYS asks for Authorization Bearer with a key, whose scopes say which routes it opens. IAM asks for a signed
   * request, and policies of the callers say which routes they may invoke. Default: `'API_KEYS'`.
   */
  readonly Authentication?: 'API_KEYS' | 'IAM' | undefined;
  /**
   * Further keys by their hashes alone, each as name:scope+scope:sha256, with commas between them; `pik keygen`
   * prints one. The first key is made by this template and lies in Secrets Manager. Default: `''`.
   */
  readonly ApiKeys?: string | undefined;
  /**
   * Requests per second that the API lets through on average; a request may bring up to 5,000 events. Default: `100`.
   */
  readonly ThrottleRate?: number | undefined;
  /**
   * Requests that the API lets through at once. Default: `200`.
   */
  readonly ThrottleBurst?: number | undefined;
  /**
   * Days after which the bucket drops a pack of the raw log; 0 keeps it for ever. The index forgets an event seven
   * days earlier, so that no row ever names bytes that are gone. It may be raised later but not lowered, since rows
   * that are there keep their day. Default: `'0'`.
   */
  readonly RawRetentionDays?: string | undefined;
  /**
   * Days for which the log lines of the functions and the access log are kept. Default: `30`.
   */
  readonly LogRetentionDays?: number | undefined;
  /**
   * Whether messages of replays are processed. While it is false they wait in the queue, for at most ten days.
   * Default: `'true'`.
   */
  readonly EnableProcessor?: 'true' | 'false' | undefined;
  /**
   * Messages that are processed at the same time. Default: `10`.
   */
  readonly ProcessorConcurrency?: number | undefined;
  /**
   * Whether the monitors of pik.config.ts are judged each minute, and alerts sent. Set the variables of its sinks at
   * the watcher function. Default: `'false'`.
   */
  readonly EnableMonitors?: 'true' | 'false' | undefined;
  /**
   * The SNS topic that hears of alarms, or none. Default: `'none'`.
   */
  readonly AlarmTopicArn?: string | undefined;
  /**
   * Milliseconds of lag that one event in a hundred may exceed before the lag alarm rings. The default is six hours.
   * Default: `21600000`.
   */
  readonly LagAlarmMs?: number | undefined;
  /**
   * Hours without a single record after which the silence alarm rings. Default: `3`.
   */
  readonly SilenceAlarmHours?: number | undefined;
  /**
   * Name of the Athena database; a second stack in the same account and region needs another. Default: `'pik'`.
   */
  readonly AthenaDatabase?: string | undefined;
  /**
   * The host name of your own under which the API answers too, or none. Default: `'none'`.
   */
  readonly DomainName?: string | undefined;
  /**
   * The certificate of DomainName, in the Certificate Manager of this region, or none. Default: `'none'`.
   */
  readonly CertificateArn?: string | undefined;
  /**
   * The hosted zone of Route 53 in which the stack keeps the record of DomainName, or none if you keep the record
   * yourself. Default: `'none'`.
   */
  readonly HostedZoneId?: string | undefined;
  /**
   * Subnets of a VPC in which the functions run, with commas between them, or none. They need a way to the AWS
   * services that the functions call. Default: `'none'`.
   */
  readonly SubnetIds?: string | undefined;
  /**
   * Security groups of the functions in SubnetIds, with commas between them, or none. Default: `'none'`.
   */
  readonly SecurityGroupIds?: string | undefined;
  /**
   * US dollars a month that this stack may cost before BudgetEmail gets a mail; 0 creates no budget. Default: `0`.
   */
  readonly MonthlyBudgetUsd?: number | undefined;
  /**
   * The address that gets the mails of the budget, or none. Default: `'none'`.
   */
  readonly BudgetEmail?: string | undefined;
}

/** Names of the outputs of the stack. */
export type KitOutput =
  | 'ApiUrl'
  | 'DomainTarget'
  | 'FirstApiKeySecret'
  | 'RawBucketName'
  | 'IndexTableName'
  | 'AggregatesTableName'
  | 'ReplaysTableName'
  | 'ReplayQueueUrl'
  | 'DeadLetterQueueUrl'
  | 'DashboardUrl';
