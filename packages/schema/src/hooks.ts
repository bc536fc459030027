import { KitError } from './errors.ts';
import { parsePointer } from './json-pointer.ts';

/** How the sender of a webhook signs a delivery. The secrets are in environment variables, never in the declaration. */
export type HookSignature = {
  /** Names of the variables with the secrets; several while a secret is replaced. */
  readonly secrets_env: readonly string[];
} & (
  | { readonly scheme: 'standard' | 'stripe' | 'github' }
  | {
      /** HMAC-SHA256 of the body in a header of its own. */
      readonly scheme: 'hmac';
      readonly header: string;
      /** Text before the signature, such as `sha256=`. */
      readonly prefix?: string | undefined;
      /** Default: `hex`. */
      readonly encoding?: 'hex' | 'base64' | undefined;
    }
);

/**
 * Where a delivery has the fields of its event. A pattern is a text in which `{/data/id}` stands for a value of the body (a JSON
 * pointer) and `{header x-topic}` for a header. The first pattern of a list whose references all
 * have a value counts.
 */
export interface HookRules {
  /** Version of this declaration, from 1; raise it with every change. Each receipt stores it with the rules. */
  readonly version: number;
  readonly source: string;
  readonly event_type: readonly string[];
  readonly entity_id: readonly string[];
  /** The key by which a repeated delivery is recognised; if none has a value, its content. */
  readonly key: readonly string[];
  /** If none has a value: the time of receipt. */
  readonly event_time: readonly string[];
  /** Form of the time: RFC 3339, or seconds or milliseconds since 1970. */
  readonly time_unit: 'text' | 's' | 'ms';
}

/** A webhook that `POST /hooks/:name` takes. Rules that are left out follow from the scheme of its signature. */
export type HookDeclaration = { readonly version: number; readonly signature: HookSignature } & {
  readonly [K in Exclude<keyof HookRules, 'version'>]?: HookRules[K] | undefined;
};

type Preset = Pick<HookRules, 'event_type' | 'entity_id' | 'key' | 'event_time' | 'time_unit'>;

const PRESETS: { readonly [S in HookSignature['scheme']]: Preset } = {
  standard: {
    event_type: ['{/type}'],
    entity_id: ['{/data/id}'],
    key: ['{header webhook-id}', '{header svix-id}'],
    event_time: ['{/timestamp}'],
    time_unit: 'text',
  },
  stripe: {
    event_type: ['{/type}'],
    entity_id: ['{/data/object/customer}', '{/data/object/id}'],
    key: ['{/id}'],
    event_time: ['{/created}'],
    time_unit: 's',
  },
  github: {
    event_type: ['{header x-github-event}.{/action}', '{header x-github-event}'],
    entity_id: ['{/repository/full_name}', '{/organization/login}'],
    key: ['{header x-github-delivery}'],
    event_time: [],
    time_unit: 'text',
  },
  hmac: { event_type: [], entity_id: [], key: [], event_time: [], time_unit: 'text' },
};

/** The complete rules of a webhook: those declared, and those of its scheme. Without an entity, its name is the entity. */
export function hookRules(name: string, { signature, ...declared }: HookDeclaration): HookRules {
  const given = Object.fromEntries(Object.entries(declared).filter(([, value]) => value !== undefined));
  const rules = { source: name, ...PRESETS[signature.scheme], ...given } as HookRules;
  return { ...rules, entity_id: [...rules.entity_id, name] };
}

const FIELDS = ['version', 'signature', 'source', 'event_type', 'entity_id', 'key', 'event_time', 'time_unit'];
const PATTERNS = ['event_type', 'entity_id', 'key', 'event_time'] as const;

/** The reason why a webhook cannot be declared so; null if it can. */
export function hookFault(name: string, given: unknown): string | null {
  if (!/^[\w-]{1,64}$/.test(name)) return 'needs a name of 1 to 64 letters, digits, _ and -';
  if (typeof given !== 'object' || given === null) return 'must be an object';
  const unknown = Object.keys(given).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) return `has the unknown field ${unknown}`;
  const { version, signature, source = name, time_unit = 'text' } = given as Partial<HookDeclaration>;
  if (!Number.isSafeInteger(version) || Number(version) < 1) return 'needs a version, an integer from 1';
  if (typeof source !== 'string' || source === '') return 'has a source that is not a text';
  if (!['text', 's', 'ms'].includes(time_unit)) return 'has a time_unit other than text, s and ms';
  const fault = signatureFault(signature);
  if (fault !== null) return fault;
  const rules = hookRules(name, given as HookDeclaration);
  for (const field of PATTERNS) {
    const patterns: unknown = rules[field];
    if (!Array.isArray(patterns) || !patterns.every(isPattern))
      return `has a ${field} that is not a list of patterns such as {/data/id} or {header x-topic}`;
  }
  return rules.event_type.length === 0 ? 'needs event_type, a list of patterns such as {/type}' : null;
}

function signatureFault(signature: HookSignature | undefined): string | null {
  if (typeof signature !== 'object' || signature === null || !Object.hasOwn(PRESETS, signature.scheme))
    return `needs a signature with a scheme of ${Object.keys(PRESETS).join(', ')}`;
  const { secrets_env } = signature;
  if (!Array.isArray(secrets_env) || secrets_env.length === 0 || !secrets_env.every((one) => typeof one === 'string'))
    return 'needs signature.secrets_env, the names of environment variables';
  if (signature.scheme !== 'hmac') return null;
  return typeof signature.header === 'string' && /^[\w-]+$/.test(signature.header)
    ? null
    : 'needs signature.header, the header with the signature';
}

function isPattern(pattern: unknown): boolean {
  if (typeof pattern !== 'string' || pattern === '') return false;
  return [...pattern.matchAll(/\{([^{}]*)\}/g)].every(
    ([, reference = '']) =>
      /^header [\w-]+$/.test(reference) || (reference.startsWith('/') && parsePointer(reference) !== null),
  );
}

/** Throws `CONFIG_INVALID` for a webhook whose secret is not among the variables of this process. */
export function checkHookSecrets(
  hooks: Readonly<Record<string, HookDeclaration>>,
  variables: Readonly<Record<string, string | undefined>>,
): void {
  for (const [name, { signature }] of Object.entries(hooks)) {
    const missing = signature.secrets_env.find((variable) => (variables[variable] ?? '') === '');
    if (missing === undefined) continue;
    const text = `the webhook ${name} needs its secret in the environment variable ${missing}`;
    throw new KitError('CONFIG_INVALID', text, { path: '/doors/hooks' });
  }
}

/** Throws `CONFIG_INVALID` for a webhook that cannot be declared so. */
export function checkHooks(hooks: unknown): void {
  if (typeof hooks !== 'object' || hooks === null || Array.isArray(hooks))
    throw new KitError('CONFIG_INVALID', 'doors.hooks must be an object of webhooks by name', { path: '/doors/hooks' });
  for (const [name, given] of Object.entries(hooks)) {
    const fault = hookFault(name, given);
    if (fault !== null) throw new KitError('CONFIG_INVALID', `doors.hooks.${name} ${fault}`, { path: '/doors/hooks' });
  }
}
