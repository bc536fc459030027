import type { VolatileDeclaration } from '@pik/schema';

/** The volatile members that a kit needs to run the HTTP contract. */
export const CONTRACT_VOLATILE: readonly VolatileDeclaration[] = [
  { source: 'contract', event_type: 'webhook', version: 2, paths: ['/attempt', '/meta/delivered_at'] },
];
