import { type DeclaredName, ROUTES, type Route, type SelectionOf } from '@pik/schema';
import { createInvestigator } from '@pik/sdk/investigator';
import { createFakePipeline } from '@pik/testkit/fake-pipeline';
import { expect, it } from 'vitest';

import { createApp } from '../../src/http/create-app.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';

const EVENT_ID = '0'.repeat(47);
const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const VALUE = { metric: 'm', key: 'k', window_start: '2025-12-28' };

/** A selection of each declared question: a new one is a type error here. */
const SELECTIONS: { readonly [N in DeclaredName]: SelectionOf<N> } = {
  lag: { start_time: '2h', by: ['source', 'day'] },
  duplicates: {},
  failures: {},
  gaps: {},
  completeness: {},
  compare: { a: 'outcome = REJECTED' },
  schema: { json_schema: true },
  find: { where: 'source = x' },
  tail: {},
  event: { event_id: EVENT_ID, as_of: new Date(0) },
  eventByKey: { entity_id: 'a', event_time: '2025-12-28' },
  proof: { event_id: EVENT_ID },
  receipt: { pack_id: ID, line: 0 },
  timeline: { entity_id: 'a/b c', limit: 3 },
  selection: { start_time: '2025-12-27', end_time: '2025-12-28' },
  metricList: {},
  compute: VALUE,
  versions: VALUE,
  explainChange: { ...VALUE, from: 1, to: 'now' },
  replays: {},
  monitors: {},
  incidents: {},
  replayById: { replay_id: ID },
  deadLetters: {},
  rejects: { code: 'JSON_SYNTAX' },
  verify: {},
  audit: {},
};

/** Questions that a pipeline answers by a method of their own: what is in the queue. */
const OWN: { readonly [N in DeclaredName]?: string } = { deadLetters: 'listDeadLetters' };

const names = Object.keys(SELECTIONS).filter((name): name is DeclaredName => name in ROUTES);

it.each(names)('%s can be asked by its name, with the ids of its path among its fields', async (name) => {
  const pipeline = createFakePipeline();
  const { fetch } = createApp({ pipeline, telemetry: silentTelemetry });
  const kit = createInvestigator({ url: 'http://pik.internal', fetch });
  await kit.ask(name, SELECTIONS[name]);
  const call = OWN[name];
  expect(pipeline.calls.map(([method, argument]) => [method, argument])).toContainEqual(
    call === undefined ? ['ask', name] : [call, expect.anything()],
  );
});

it('a wrong id of a path is refused by the rule of its declaration', async () => {
  const { fetch } = createApp({ pipeline: createFakePipeline(), telemetry: silentTelemetry });
  const kit = createInvestigator({ url: 'http://pik.internal', fetch });
  const wrong: [DeclaredName, SelectionOf<DeclaredName>, string][] = [
    ['event', { event_id: 'x' }, 'event_id'],
    ['receipt', { pack_id: 'x', line: 0 }, 'pack_id'],
    ['receipt', { pack_id: ID, line: -1 }, 'line'],
    ['replayById', { replay_id: EVENT_ID }, 'replay_id'],
  ];
  for (const [name, selection, field] of wrong) {
    const { params = {} }: Route = ROUTES[name];
    const message = expect.stringContaining(`${field} ${params[field]?.rule}`);
    await expect(kit.ask(name, selection)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      path: `/${field}`,
      message,
    });
  }
});
