import { createHash, randomBytes } from 'node:crypto';

import { KitError, SCOPES } from '@pik/schema';

import { print } from '../session.ts';

/** Creates an API key and prints it once; only its hash goes into the config. */
export function keygen(options: {
  name: string;
  scopes: string;
  owner?: string | undefined;
  origin?: readonly string[] | undefined;
  json?: boolean | undefined;
}): void {
  const scopes = options.scopes.split(',');
  const unknown = scopes.find((scope) => !SCOPES.some((known) => known === scope));
  if (unknown !== undefined)
    throw new KitError('REQUEST_INVALID', `unknown scope ${unknown}; the scopes are ${SCOPES.join(', ')}`);
  const { origin: origins, owner } = options;
  if (origins !== undefined && options.scopes !== 'ingest')
    throw new KitError(
      'REQUEST_INVALID',
      'everybody can read the key of a page, so with --origin its only scope is ingest',
    );
  const key = `pik_${randomBytes(32).toString('base64url')}`;
  const key_sha256 = createHash('sha256').update(key).digest('hex');
  const entry = { name: options.name, owner, key_sha256, scopes, origins };
  // The format of one entry in the stack's parameter ApiKeys.
  const parameter = `${entry.name}:${scopes.join('+')}:${entry.key_sha256}`;
  const session = { json: options.json };
  print(
    session,
    { key, ...entry },
    () =>
      `key (shown only once):\n  ${key}\nfor apiKeys in pik.config.ts:\n  ${JSON.stringify(entry)}\nfor the stack parameter ApiKeys:\n  ${parameter}`,
  );
}
