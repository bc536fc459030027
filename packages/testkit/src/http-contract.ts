import { SCOPES, type Scope } from '@pik/schema';
import { afterAll, beforeAll, describe } from 'vitest';

import { aggregates } from './http-contract/aggregates.ts';
import { agreement, answers } from './http-contract/answers.ts';
import { type Asking, createAsk } from './http-contract/ask.ts';
import { changes } from './http-contract/changes.ts';
import { cloudEvents } from './http-contract/cloudevents.ts';
import { content } from './http-contract/content.ts';
import { deadLetters } from './http-contract/dead-letters.ts';
import { declaredBodies, declaredFields } from './http-contract/fields.ts';
import { ingestForms, ingestOutcomes } from './http-contract/ingest.ts';
import { limits } from './http-contract/limits.ts';
import { mapped } from './http-contract/mapped.ts';
import { monitors } from './http-contract/monitors.ts';
import { plans } from './http-contract/plans.ts';
import { refusals } from './http-contract/refusals.ts';
import { createReplayAsks } from './http-contract/replay-asks.ts';
import { replays } from './http-contract/replays.ts';
import { reports } from './http-contract/reports.ts';
import { scopes } from './http-contract/scopes.ts';
import { segment } from './http-contract/segment.ts';
import { selection } from './http-contract/selection.ts';

/** An empty kit under test with `CONTRACT_AGGREGATES` and `CONTRACT_VOLATILE`, called as its clients call it. */
export interface OpenedHttp {
  /** A URL for the requests; its host need not exist. */
  readonly baseUrl: string;
  fetch(request: Request): Promise<Response>;
  /** A key with exactly these scopes, one of `CONTRACT_KEYS`. */
  key(scopes: readonly Scope[]): string;
  /**
   * Processes messages of replays, or waits a moment while a worker of the kit does. It need not process all of them; the
   * tests call it again. Absent if no messages are processed: then tests that need it are skipped.
   */
  work?(): Promise<void>;
  close(): Promise<void>;
}

/** The tests that a slow kit skips. */
export interface HttpContractOptions {
  /**
   * False if each row costs a round trip to something slow, such as an emulator: tests skip requests with the maximum number
   * of records, and only test that one more is refused. Default: true.
   */
  readonly manyRecords?: boolean | undefined;
}

/** The promises of the HTTP API, as tests that the app, a served process and every deployment pass unchanged. */
export function describeHttpContract(
  name: string,
  open: () => Promise<OpenedHttp>,
  { manyRecords = true }: HttpContractOptions = {},
): void {
  describe(`${name} keeps the contract of the HTTP API`, () => {
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
    cloudEvents(ask);
    mapped(ask);
    segment(ask);
    content(ask);
    limits(ask, { manyRecords });
    answers(ask);
    reports(ask);
    changes(ask);
    scopes(ask, (wanted) => opened.key(wanted));
    const asks = createReplayAsks(ask, () => opened.work?.bind(opened));
    declaredFields(ask);
    declaredBodies(ask);
    refusals(ask);
    selection(asks);
    aggregates(asks);
    replays(asks);
    plans(asks);
    deadLetters(asks);
    monitors(ask);
    agreement(ask);
  });
}
