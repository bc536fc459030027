import { SCOPES, type Scope } from '@pik/schema';
import { afterAll, beforeAll, describe } from 'vitest';

import { answers } from './http-contract/answers.ts';
import { type Asking, createAsk } from './http-contract/ask.ts';
import { changes } from './http-contract/changes.ts';
import { ingestForms, ingestOutcomes } from './http-contract/ingest.ts';
import { limits } from './http-contract/limits.ts';
import { reports } from './http-contract/reports.ts';
import { scopes } from './http-contract/scopes.ts';

/** A kit under test, reached as its clients reach it. */
export interface OpenedHttp {
  /** An URL for the requests; its host need not exist. */
  readonly baseUrl: string;
  fetch(request: Request): Promise<Response>;
  /** A key with exactly these scopes: all of them, or one. */
  key(scopes: readonly Scope[]): string;
  close(): Promise<void>;
}

/** What the HTTP surface does, as tests; the app, a served process and every deployment pass them unchanged. */
export function describeHttpContract(name: string, open: () => Promise<OpenedHttp>): void {
  describe(`${name} keeps the contract of the HTTP surface`, () => {
    let opened: OpenedHttp;
    let asking: Asking;
    beforeAll(async () => {
      opened = await open();
      asking = createAsk(opened, opened.key([...SCOPES]));
    });
    afterAll(() => opened.close());
    const ask: Asking = (path, options) => asking(path, options);
    ingestForms(ask);
    ingestOutcomes(ask);
    limits(ask);
    answers(ask);
    reports(ask);
    changes(ask);
    scopes(ask, (wanted) => opened.key(wanted));
  });
}
