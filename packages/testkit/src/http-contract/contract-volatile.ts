import type { VolatileDeclaration } from '@pik/schema';

/** The members that are not content in a kit that is held to the HTTP contract. */
export const CONTRACT_VOLATILE: readonly VolatileDeclaration[] = [
  { source: 'contract', event_type: 'webhook', version: 2, paths: ['/attempt', '/meta/delivered_at'] },
];
