import { createHash, randomBytes } from 'node:crypto';

import { KitError, SCOPES, type Scope } from '@pik/schema';

import { print } from '../session.ts';

/** Makes an API key. It is shown once; only its hash goes into the config. */
export function keygen(options: { name: string; scopes: string; json?: boolean }): void {
  const scopes = options.scopes.split(',') as Scope[];
  const unknown = scopes.find((scope) => !SCOPES.includes(scope));
  if (unknown !== undefined)
    throw new KitError('REQUEST_INVALID', `there is no scope ${unknown}; there are ${SCOPES.join(', ')}`);
  const key = `pik_${randomBytes(32).toString('base64url')}`;
  const entry = { name: options.name, key_sha256: createHash('sha256').update(key).digest('hex'), scopes };
  // As the deployed stack takes it, beside the others in its parameter ApiKeys.
  const parameter = `${entry.name}:${scopes.join('+')}:${entry.key_sha256}`;
  const session = options.json === undefined ? {} : { json: options.json };
  print(
    session,
    { key, ...entry },
    () =>
      `key, shown this once:\n  ${key}\nfor apiKeys in pik.config.ts:\n  ${JSON.stringify(entry)}\nfor ApiKeys of a stack:\n  ${parameter}`,
  );
}
