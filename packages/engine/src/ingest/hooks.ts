import { type Doors, type HookSignature, hookRules, KitError, LIMITS } from '@pik/schema';

import type { Wire } from '../api/pipeline.ts';
import { checkSignature } from './hook-signature.ts';

/** A webhook that this process takes. */
interface Hook {
  readonly signature: HookSignature;
  readonly secrets: readonly string[];
  /** Headers that its receipts keep; a receipt never keeps a credential such as `authorization`. */
  readonly kept: ReadonlySet<string>;
  /** Counts a refused delivery; false once its minute has had enough of them. */
  readonly mayKeepRefused: (receivedMs: number) => boolean;
}

/** The declared webhooks by name. */
export type Hooks = ReadonlyMap<string, Hook>;

const SIGNATURE_HEADERS: { readonly [S in HookSignature['scheme']]: readonly string[] } = {
  standard: ['id', 'timestamp', 'signature'].flatMap((name) => [`webhook-${name}`, `svix-${name}`]),
  stripe: ['stripe-signature'],
  github: ['x-hub-signature-256'],
  hmac: [],
};

/** The declared webhooks with their secrets. A process that takes no deliveries needs none of the variables. */
export function createHooks({ hooks = {} }: Doors, variables: Readonly<Record<string, string | undefined>>): Hooks {
  const found = new Map<string, Hook>();
  for (const [name, declaration] of Object.entries(hooks)) {
    const { signature } = declaration;
    const secrets = signature.secrets_env.flatMap((variable) => variables[variable] || []);
    const { event_type, entity_id, key, event_time } = hookRules(name, declaration);
    const patterns = [event_type, entity_id, key, event_time].flat().join('');
    const named = [...patterns.matchAll(/\{header ([\w-]+)\}/g)].map(([, header = '']) => header.toLowerCase());
    const own = signature.scheme === 'hmac' ? [signature.header.toLowerCase()] : SIGNATURE_HEADERS[signature.scheme];
    found.set(name, {
      signature,
      secrets,
      kept: new Set(['content-type', ...own, ...named]),
      mayKeepRefused: minuteBound(),
    });
  }
  return found;
}

/** Anybody can send deliveries with bad signatures, so only some of them are kept. */
function minuteBound(): (receivedMs: number) => boolean {
  let minute = Number.NaN;
  let count = 0;
  return (receivedMs) => {
    const now = Math.floor(receivedMs / 60_000);
    if (now !== minute) count = 0;
    minute = now;
    count += 1;
    return count <= LIMITS.hook_refusals_per_minute_max;
  };
}

/** A request of a webhook, or a receipt of one that arrives again. */
interface Delivered {
  readonly body: Uint8Array;
  /** When the delivery was first received: its signature is as old as that. */
  readonly receivedMs: number;
}

/**
 * As `signedWire`, for a delivery that arrives.
 *
 * @throws KitError `NOT_FOUND`, `KEYS_UNAVAILABLE`; `RATE_LIMITED` if too many refused deliveries came in this minute.
 */
export function arrivingWire(hooks: Hooks, wire: Wire, delivered: Delivered): Wire {
  const signed = signedWire(hooks, wire, delivered);
  const { ':hook': name = '', ':refused': refused } = signed.around ?? {};
  if (wire.name === 'hook' && refused !== undefined && hooks.get(name)?.mayKeepRefused(delivered.receivedMs) === false)
    throw new KitError('RATE_LIMITED', 'too many deliveries without a valid signature; this one was not kept');
  return signed;
}

/**
 * The wire of a delivery with the headers that its receipt keeps, and the fault in its signature by the secrets of now. Other wires
 * stay as they are.
 *
 * @throws KitError `NOT_FOUND` if no webhook of this name is declared, `KEYS_UNAVAILABLE` if a secret is not set.
 */
export function signedWire(hooks: Hooks, wire: Wire, { body, receivedMs }: Delivered): Wire {
  if (wire.name !== 'hook') return wire;
  const name = wire.around?.[':hook'] ?? '';
  const hook = hooks.get(name);
  if (hook === undefined) throw new KitError('NOT_FOUND', 'no webhook of this name is declared');
  if (hook.secrets.length < hook.signature.secrets_env.length)
    throw new KitError('KEYS_UNAVAILABLE', `a variable with a secret of the webhook ${name} is not set`);
  const headers = Object.fromEntries(Object.entries(wire.around ?? {}).filter(([header]) => hook.kept.has(header)));
  const refusal = checkSignature(hook.signature, hook.secrets, { body, headers, receivedMs });
  const refused = refusal === null ? {} : { ':refused': refusal.code, ':detail': refusal.detail };
  return { name: 'hook', around: { ':hook': name, ...headers, ...refused } };
}
