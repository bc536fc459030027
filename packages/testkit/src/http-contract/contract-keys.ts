import { ROUTES, type RouteName, SCOPES, type Scope, scopesOf } from '@pik/schema';

/** The sets of scopes of the keys that the contract uses: all scopes, each alone, and those of each route that needs several. */
export const CONTRACT_KEYS: readonly (readonly Scope[])[] = [
  [...SCOPES],
  ...SCOPES.map((scope) => [scope]),
  ...(Object.keys(ROUTES) as RouteName[]).map(scopesOf).filter((scopes) => scopes.length > 1),
];
