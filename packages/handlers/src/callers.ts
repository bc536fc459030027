import { ANYBODY, type ApiKey, type Authenticate, createAuthenticate } from '@pik/engine/http';
import { KitError, SCOPES, scopesOf } from '@pik/schema';
import type { Settings } from './environment.ts';
import type { HttpEvent } from './http-event.ts';
import { createKeyring } from './keyring.ts';

/** The settings for authentication. */
export const CALLER_SETTINGS = ['authentication', 'firstKeySecret', 'apiKeys'] as const;

/** The options of `createCallers`. */
export interface CallersOptions {
  readonly settings: Settings<(typeof CALLER_SETTINGS)[number]>;
  /** Reads the text of the secret with this ARN. */
  readonly readSecret: (arn: string) => Promise<string>;
  readonly now: () => number;
  /** Finds the event of a request. */
  readonly eventOf: (request: Request) => HttpEvent | undefined;
}

/**
 * Authenticates callers: by API key, or by the caller that IAM admitted to the route.
 *
 * @throws KitError `CONFIG_INVALID`, or `KEYS_UNAVAILABLE` if the first key cannot be read.
 */
export async function createCallers(options: CallersOptions): Promise<Authenticate> {
  const { authentication, firstKeySecret, apiKeys } = options.settings;
  if (authentication === 'IAM') return byIam(options.eventOf);
  if (firstKeySecret === '') throw new KitError('CONFIG_INVALID', 'PIK_FIRST_KEY_SECRET must name a secret');
  const readFirstKey = () => options.readSecret(firstKeySecret);
  const keyring = await createKeyring({ readFirstKey, apiKeys, now: options.now });
  let held = { keys: await keyring.current(), authenticate: createAuthenticate(await keyring.current()) };
  return async (request, route) => {
    if (scopesOf(route).length === 0) return ANYBODY;
    const keys: readonly ApiKey[] = await keyring.current();
    if (keys !== held.keys) held = { keys, authenticate: createAuthenticate(keys) };
    return held.authenticate(request, route);
  };
}

/** An IAM policy allows routes. It cannot grant `sensitive`, so these callers never see masked members. */
const IAM_SCOPES = new Set(SCOPES.filter((scope) => scope !== 'sensitive'));

/** API Gateway has checked signature and policy; the caller's name comes only from there. */
function byIam(eventOf: CallersOptions['eventOf']): Authenticate {
  return (request, route) => {
    const arn = eventOf(request)?.requestContext.authorizer?.iam?.userArn;
    if (typeof arn === 'string' && arn !== '') return { name: arn, owner: null, scopes: IAM_SCOPES };
    if (scopesOf(route).length === 0) return ANYBODY;
    throw new KitError('UNAUTHENTICATED', 'sign the request for the service execute-api');
  };
}
