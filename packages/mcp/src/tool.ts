import type { Fields } from '@pik/schema';
import type { Investigator } from '@pik/sdk/investigator';

/** One tool of the server, before it is registered. */
export interface Tool {
  /** Name for the assistant, such as `explain_change`. */
  readonly name: string;
  /** Name of the route that answers it. */
  readonly route: string;
  readonly description: string;
  readonly fields: Fields;
  /** False if calling it changes something. */
  readonly readsOnly: boolean;
  /** Lists of the answer that `limit` splits into pages. */
  readonly pages: readonly string[];
  /** Calls the kit. Throws the KitError of the call. */
  call(kit: Investigator, given: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<unknown>;
}
