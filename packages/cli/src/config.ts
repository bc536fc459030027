import type { Aggregate } from '@pik/aggregates';
import {
  type Catalog,
  checkDoors,
  checkMonitors,
  checkSinks,
  type Doors,
  KitError,
  type MaskDeclaration,
  type Monitor,
  maskOf,
  SCOPES,
  type Scope,
  type Sinks,
  type VolatileDeclaration,
  volatileRules,
} from '@pik/schema';

import { loadModule } from './load-module.ts';
import { type LogConfig, logFault } from './signed-log/log-config.ts';

/** An API key as the server stores it: only its hash. `pik keygen` creates one. */
export interface ApiKeyConfig {
  /** Names the caller in logs and receipts. Two keys that may do the same can have it, while one replaces the other. */
  readonly name: string;
  /** The person or service responsible for the key, such as `alice@shop.example`; the request log names it. Default: nobody is named. */
  readonly owner?: string | undefined;
  /** SHA-256 of the key, in hexadecimal. */
  readonly key_sha256: string;
  readonly scopes: readonly Scope[];
  /** Origins whose pages may use the key, such as `https://shop.example`; its only scope is then `ingest`. Default: none. */
  readonly origins?: readonly string[] | undefined;
  /** Requests a minute, as many at once; more are answered `RATE_LIMITED`. Default: no limit. */
  readonly requests_per_minute?: number | undefined;
  /** Bytes of bodies in a day of UTC; then requests are answered `RATE_LIMITED`. A restart resets the counts. Default: no limit. */
  readonly bytes_per_day?: number | undefined;
}

/** The fields of `pik.config.ts`. */
export interface PikConfig {
  /** Event types, shared with the producers. */
  readonly catalog?: Catalog | undefined;
  /** Metrics, made by `defineAggregate`. */
  readonly aggregates?: readonly Aggregate[] | undefined;
  /**
   * Payload members that are not content, by source and type: identity and conflict checks ignore them. Each receipt
   * keeps the declaration that was in force when it arrived.
   */
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
  /** Payload members, by source and type, that only keys with the scope `sensitive` see; all others see `•••`. */
  readonly mask?: readonly MaskDeclaration[] | undefined;
  /** How events in the forms of other products are read, such as CloudEvents without a subject. */
  readonly doors?: Doors | undefined;
  /** The signed log, with which anybody can check offline that nothing was changed. */
  readonly log?: LogConfig | undefined;
  /** Conditions that `pik serve` watches, each made by `defineMonitor`. Incidents are kept and listed even without sinks. */
  readonly monitors?: readonly Monitor[] | undefined;
  /** Where incidents are sent, by name. */
  readonly sinks?: Sinks | undefined;
  /** The address under which people reach the server, such as `https://kit.example`: links in alerts begin with it. Default: where it listens. */
  readonly publicUrl?: string | undefined;
  /** Without keys the server listens on loopback only, and every caller may do everything. */
  readonly apiKeys?: readonly ApiKeyConfig[] | undefined;
  /**
   * Proxies trusted to name the client (`X-Forwarded-For`) for the request log: addresses, networks such as
   * `10.0.0.0/8`, or `loopback`. Default: none, so the client is the peer of the connection.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Days for which the audit keeps who asked and did what; with `apiKeys` only. Default: 400. */
  readonly auditRetentionDays?: number | undefined;
  /** Days for which a repeat is recognised. Default: for ever. Keep the raw log a few days longer. */
  readonly indexRetentionDays?: number | undefined;
}

/**
 * Types a config; the CLI checks it when it loads it.
 *
 * @example
 * import { defineConfig } from '@pik/cli';
 *
 * // pik keygen --name shop prints the key and its hash
 * export default defineConfig({ apiKeys: [{ name: 'shop', key_sha256: process.env.SHOP_KEY_SHA256 ?? '', scopes: ['ingest'] }] });
 */
export function defineConfig(config: PikConfig): PikConfig {
  return config;
}

/**
 * Loads a config file; TypeScript needs no build step.
 *
 * @example
 * import { loadConfig } from '@pik/cli';
 *
 * const { aggregates = [] } = await loadConfig('pik.config.ts');
 *
 * @throws KitError `CONFIG_INVALID` naming the field.
 */
export async function loadConfig(file: string | undefined): Promise<PikConfig> {
  if (file === undefined) return {};
  const config = await loadModule(file);
  checkConfig(config);
  return config;
}

type Check = (value: unknown) => string | null;

const CHECKS: Record<keyof PikConfig, Check> = {
  catalog: (value) => (isObject(value) ? null : 'must be a catalog, made by defineCatalog'),
  aggregates: (value) =>
    Array.isArray(value) && value.every((item) => isObject(item) && typeof item.definition_hash === 'string')
      ? null
      : 'must be a list of aggregates, each made by defineAggregate',
  volatile: (value) => declarationsFault(value, volatileRules),
  mask: (value) => declarationsFault(value, maskOf),
  doors: doorsFault,
  log: logFault,
  // Together with the sinks, once both are known.
  monitors: (value) => (Array.isArray(value) ? null : 'must be a list of monitors, each made by defineMonitor'),
  sinks: (value) => {
    checkSinks(value);
    return null;
  },
  publicUrl: (value) =>
    typeof value === 'string' && /^https?:\/\/[^\s?#]+$/.test(value)
      ? null
      : 'must be an address such as https://kit.example',
  apiKeys: (value) => (Array.isArray(value) ? firstFault(value.map(apiKeyFault)) : 'must be a list'),
  trustedProxies: (value) =>
    Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? null : 'must be a list of addresses',
  auditRetentionDays: daysFault,
  indexRetentionDays: daysFault,
};

/** Refuses unknown fields: a misspelt field would otherwise be a setting that silently does nothing. */
function checkConfig(value: unknown): asserts value is PikConfig {
  if (!isObject(value)) throw new KitError('CONFIG_INVALID', 'the config must export an object by default');
  const checks = new Map<string, Check>(Object.entries(CHECKS));
  for (const [name, field] of Object.entries(value)) {
    const check = checks.get(name);
    const fault = check === undefined ? 'is not a field of the config' : field === undefined ? null : check(field);
    if (fault !== null) throw new KitError('CONFIG_INVALID', `${name} ${fault}`, { path: `/${name}` });
  }
  const { monitors = [], sinks = {} } = value;
  checkSinks(sinks);
  checkMonitors(monitors, sinks);
}

function daysFault(value: unknown): string | null {
  return typeof value === 'number' && value > 0 ? null : 'must be a number of days above 0';
}

function declarationsFault(value: unknown, check: (declarations: never[]) => unknown): string | null {
  if (!Array.isArray(value)) return 'must be a list of declarations';
  try {
    check(value as never[]);
    return null;
  } catch (error) {
    if (!KitError.is(error)) throw error;
    return `cannot be used: ${error.message}`;
  }
}

function doorsFault(value: unknown): string | null {
  try {
    checkDoors(value as Doors);
    return null;
  } catch (error) {
    if (!KitError.is(error)) throw error;
    return `cannot be used: ${error.message}`;
  }
}

function apiKeyFault(key: unknown, i: number): string | null {
  if (!isObject(key)) return `has at ${i} something that is not a key`;
  const { name, owner, key_sha256, scopes, origins, requests_per_minute, bytes_per_day, ...rest } = key;
  if (Object.keys(rest).length > 0) return `has at ${i} the unknown field ${Object.keys(rest)[0]}`;
  if (typeof name !== 'string' || name === '') return `has at ${i} a key without a name`;
  if (owner !== undefined && typeof owner !== 'string') return `has at ${i} an owner that is not a text`;
  if (typeof key_sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(key_sha256))
    return `has at ${i} a key_sha256 that is not a SHA-256 in hexadecimal`;
  for (const [limit, value] of Object.entries({ requests_per_minute, bytes_per_day }))
    if (value !== undefined && !(typeof value === 'number' && Number.isInteger(value) && value > 0))
      return `has at ${i} a ${limit} that is not a whole number above 0`;
  const areTexts = Array.isArray(origins) && origins.every((origin) => typeof origin === 'string');
  if (origins !== undefined && !areTexts) return `has at ${i} origins that are not a list of texts`;
  const known = Array.isArray(scopes) && scopes.length > 0 && scopes.every((scope) => SCOPES.includes(scope));
  return known ? null : `has at ${i} scopes other than ${SCOPES.join(', ')}`;
}

function firstFault(faults: readonly (string | null)[]): string | null {
  return faults.find((fault) => fault !== null) ?? null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
