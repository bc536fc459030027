import { createInvestigator, type Investigator } from '@pik/sdk/investigator';

import { ROOT } from './address.ts';
import { apiKey } from './key.ts';

/** The client for what takes several requests, such as a plan; with the key of this tab. */
export function investigator(): Investigator {
  return createInvestigator({ url: `${location.origin}${ROOT}`, apiKey: apiKey.value ?? undefined });
}
