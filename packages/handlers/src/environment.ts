import type { ApiKey } from '@pik/engine/http';
import { KitError, MS_PER_DAY, SCOPES, type Scope } from '@pik/schema';

/** The environment variables of a function. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Days by which the index expires before the raw log: no row may ever point to bytes that are gone. */
export const RETENTION_MARGIN_DAYS = 7;

const RAW_RETENTION_DAYS_MIN = 2 * RETENTION_MARGIN_DAYS;

/** Reads one variable; returns the violated rule if it is invalid. */
type Read<T> = (text: string) => { value: T } | { rule: string };

const must = (rule: string) => ({ rule });

const resourceName: Read<string> = (text) =>
  /^[\w.-]{3,255}$/.test(text) ? { value: text } : must('be the name of a resource');

const queueUrl: Read<string> = (text) =>
  /^https?:\/\/[^\s/]+\/\S+$/.test(text) ? { value: text } : must('be the URL of a queue');

const serviceName: Read<string> = (text) =>
  /^[\w-]{1,128}$/.test(text) ? { value: text } : must('be 1 to 128 of letters, digits, _ and -');

const milliseconds: Read<number> = (text) =>
  /^\d{1,9}$/.test(text) ? { value: Number(text) } : must('be a whole number of milliseconds');

const indexRetention: Read<number> = (text) => {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (days === 0) return { value: Number.POSITIVE_INFINITY };
  if (!(days >= RAW_RETENTION_DAYS_MIN)) return must(`be 0, for ever, or at least ${RAW_RETENTION_DAYS_MIN} days`);
  return { value: (days - RETENTION_MARGIN_DAYS) * MS_PER_DAY };
};

const authentication: Read<'API_KEYS' | 'IAM'> = (text) =>
  text === 'API_KEYS' || text === 'IAM' ? { value: text } : must('be API_KEYS or IAM');

const secretArn: Read<string> = (text) =>
  text === '' || /^arn:[\w-]+:secretsmanager:\S+$/.test(text) ? { value: text } : must('be the ARN of a secret');

/** `name:scope+scope:sha256`, separated by commas; the values never appear in a message. */
const apiKeys: Read<readonly ApiKey[]> = (text) => {
  const keys: ApiKey[] = [];
  for (const item of text === '' ? [] : text.split(',')) {
    const [name = '', scopes = '', key_sha256 = '', ...rest] = item.trim().split(':');
    const held = scopes.split('+') as Scope[];
    const known = rest.length === 0 && /^[\w.@-]{1,64}$/.test(name) && held.every((scope) => SCOPES.includes(scope));
    if (!known || !/^[0-9a-f]{64}$/.test(key_sha256))
      return must(`be a list of name:scope+scope:sha256 with scopes of ${SCOPES.join(', ')}`);
    keys.push({ name, key_sha256, scopes: held });
  }
  return { value: keys };
};

/** Every setting of the functions: its variable and its reader. */
const SETTINGS = {
  service: ['POWERTOOLS_SERVICE_NAME', serviceName],
  bucket: ['PIK_BUCKET', resourceName],
  indexTable: ['PIK_INDEX_TABLE', resourceName],
  aggregatesTable: ['PIK_AGGREGATES_TABLE', resourceName],
  replaysTable: ['PIK_REPLAYS_TABLE', resourceName],
  queueUrl: ['PIK_QUEUE_URL', queueUrl],
  deadLetterQueueUrl: ['PIK_DEAD_LETTER_QUEUE_URL', queueUrl],
  /** In milliseconds; `Infinity` if the raw log is kept forever. */
  indexRetentionMs: ['PIK_RAW_RETENTION_DAYS', indexRetention],
  settleMs: ['PIK_SETTLE_MS', milliseconds],
  retryDelayMs: ['PIK_RETRY_DELAY_MS', milliseconds],
  authentication: ['PIK_AUTHENTICATION', authentication],
  /** Empty if IAM authenticates callers. */
  firstKeySecret: ['PIK_FIRST_KEY_SECRET', secretArn],
  apiKeys: ['PIK_API_KEYS', apiKeys],
} as const satisfies Record<string, readonly [variable: string, read: Read<unknown>]>;

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

type ValueOf<N extends SettingName> = (typeof SETTINGS)[N][1] extends Read<infer T> ? T : never;

/** The settings of a function by name. */
export type Settings<N extends SettingName = SettingName> = { readonly [K in N]: ValueOf<K> };

/**
 * Reads the settings that a function needs. All of them are required: a function that started without one would fail in the
 * middle of its first request.
 *
 * @throws KitError `CONFIG_INVALID` that names every missing or invalid variable.
 */
export function readSettings<N extends SettingName>(variables: Variables, names: readonly N[]): Settings<N> {
  const faults: string[] = [];
  const settings: Partial<Record<SettingName, unknown>> = {};
  for (const name of names) {
    const [variable, read] = SETTINGS[name];
    const text = variables[variable];
    const result = text === undefined ? must('be set') : read(text);
    if ('rule' in result) faults.push(`${variable} must ${result.rule}`);
    else settings[name] = result.value;
  }
  if (faults.length > 0) throw new KitError('CONFIG_INVALID', faults.join('; '));
  return settings as Settings<N>;
}

/** The variable of a setting. */
export function variableOf(name: SettingName): string {
  return SETTINGS[name][0];
}
