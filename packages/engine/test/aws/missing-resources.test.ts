import { createTestClock, makeEventRow } from '@pik/testkit';
import { createFakeAws, type FakeAws } from '@pik/testkit/aws';
import { beforeEach, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { AwsBackend } from '../../src/backends/aws/open.ts';

// A misspelt name: no call may treat a missing resource as an empty one.

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';
const OTHER = '01890a5d-ac96-774b-bcce-b302099a8058';

let aws: FakeAws;
let backend: AwsBackend;
beforeEach(() => {
  aws = createFakeAws({ clock: createTestClock() });
  backend = aws.open();
});

const bytes = (text: string) => new TextEncoder().encode(text);

it('a missing bucket makes every call fail, and never looks like an absent object', async () => {
  const misspelt = aws.open({ bucket: 'kit-rwa' });
  const { rawLog, files } = misspelt;
  const asked = {
    has: () => rawLog.has(PACK),
    read: () => rawLog.read(PACK),
    append: () => rawLog.append(PACK, bytes('x')),
    list: () => rawLog.list({ fromMs: 0, toMs: 2 ** 47 }),
    'get of a file': () => files.get('manifests/v1/00/x.ndjson.gz'),
    'list of files': () => files.list('manifests/'),
  };
  for (const [name, ask] of Object.entries(asked)) {
    const failed = await ask().catch((error: unknown) => error);
    expect([name, failed]).toEqual([name, expect.objectContaining({ message: expect.stringContaining('refuses') })]);
  }
  await expect(createPipeline({ backend: misspelt }).ready()).rejects.toMatchObject({ code: 'RAW_LOG_UNAVAILABLE' });
  // A second process replaces the first one.
  backend = aws.open();
  await expect(createPipeline({ backend }).ready()).resolves.toBeUndefined();
  await backend.rawLog.append(PACK, bytes('x'));
  expect([await backend.rawLog.has(PACK), await backend.rawLog.has(OTHER)]).toEqual([true, false]);
});

it('missing tables and queues make every call fail too', async () => {
  const misspelt = aws.open({ indexTable: 'kit-idx', aggregatesTable: 'kit-agg', replaysTable: 'kit-rep' });
  const target = { metric: 'm', key: 'k', window_start_ms: 0 };
  const asked = [
    () => misspelt.index.ping(),
    () => misspelt.index.getEvent(makeEventRow(PACK).event_id),
    () => misspelt.index.getEvents([makeEventRow(PACK).event_id]),
    () => misspelt.index.getPack(PACK),
    () => misspelt.index.listSlices({ fromDay: 0, toDay: 9, withEntries: true }),
    () => misspelt.aggregates.getLatest(target),
    () => misspelt.aggregates.getVersion(target, 1),
    () => misspelt.aggregates.listVersions({ limit: 5 }),
    () => misspelt.replays.get(PACK),
    () => misspelt.replays.list({ limit: 5 }),
  ];
  for (const ask of asked) await expect(ask()).rejects.toMatchObject({ message: expect.stringContaining('refuses') });
  const url = (name: string) => `https://sqs.eu-central-1.amazonaws.com/1/${name}`;
  const { queue } = aws.open({ queueUrl: url('nowhere'), deadLetterQueueUrl: url('neither') });
  const calls = [
    () => queue.send([{ message_id: PACK, body: '{}' }]),
    () => queue.receive({ max: 1, visibilityMs: 1_000 }),
    () => queue.extend('receipt', 1_000),
    () => queue.listDead({ limit: 5 }),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ message: expect.stringContaining('refuses') });
});
