import type { Doors, VolatileDeclaration } from '@pik/schema';

import type { LightRequest } from '../ingest/parse-request.ts';
import type { ParseOrder } from '../ingest/rules/parsed-request.ts';
import type { ErrorMessage } from '../threads/error-message.ts';

// The messages between the thread of ingest and a thread that parses.

/** Data of a parsing thread: how records are read. */
export interface ParserSetup {
  readonly volatile: readonly VolatileDeclaration[];
  readonly doors: Doors;
}

/** To a parsing thread. */
export type ToParser =
  | { readonly type: 'parse'; readonly id: number; readonly order: ParseOrder }
  /** Ends the thread once it has parsed what it was given before. */
  | { readonly type: 'stop' };

/** From a parsing thread. */
export type FromParser =
  | { readonly type: 'ready' }
  | { readonly type: 'parsed'; readonly id: number; readonly request: LightRequest }
  | { readonly type: 'failed'; readonly id: number; readonly error: ErrorMessage };
