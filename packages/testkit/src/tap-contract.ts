import { gunzipSync } from 'node:zlib';

import { createApp, createPipeline, silentTelemetry } from '@pik/engine';
import { type Envelope, KitError } from '@pik/schema';
import { createRecordSender } from '@pik/sdk';
import { type RecordMap, runTap, type SendLines, type Tap } from '@pik/taps';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { points } from './budget.ts';
import { createMemoryBackend } from './memory-backend.ts';

/** A source under test that is empty at first. */
export interface OpenedSource {
  /** Opens a tap with one and the same position. */
  open(): Promise<Tap>;
  /** Adds records with these texts. */
  put(texts: readonly string[]): Promise<void>;
  /** The text that was put, in a record: the record itself by default. */
  textOf?(record: string): string;
  close(): Promise<void>;
}

/** Promises that a source cannot keep. */
export interface TapContractOptions {
  /** False if the order of records may change when they are delivered again. Default: true. */
  readonly ordered?: boolean | undefined;
}

/** The steps of a run before or after which a process may die. */
const STEPS = ['read', 'send', 'commit'] as const;
type Moment = { readonly when: 'before' | 'after'; readonly step: (typeof STEPS)[number]; readonly nth: number };

/** The promises of every tap: nothing is lost, and nothing is counted twice, whenever the process dies. */
export function describeTapContract(
  name: string,
  openSource: () => Promise<OpenedSource>,
  { ordered = true }: TapContractOptions = {},
): void {
  describe(`the tap ${name}`, () => {
    let source: OpenedSource;
    let puts = 0;
    beforeAll(async () => {
      source = await openSource();
    });
    afterAll(() => source?.close());

    const textOf = (record: string) => source.textOf?.(record) ?? record;
    const texts = (count: number) => Array.from({ length: count }, () => JSON.stringify({ n: ++puts, note: 'ü\n"' }));
    const never = new AbortController().signal;

    /** Reads until `count` records came. A record that is delivered again meanwhile counts once. */
    const readAll = async (tap: Tap, count: number) => {
      const found = new Map<string | null, string>();
      const tokens: string[] = [];
      while (found.size < count) {
        const batch = await tap.read(never);
        if (batch === null) continue;
        tokens.push(batch.token);
        for (const { bytes, id } of batch.records) found.set(id, textOf(Buffer.from(bytes).toString()));
      }
      return { records: [...found.values()], ids: [...found.keys()], tokens };
    };
    const alike = (list: readonly unknown[]) => (ordered ? list : list.toSorted());

    it('reads every record as it came, and again until it is committed', async () => {
      const put = texts(3);
      await source.put(put);
      const first = await source.open();
      const read = await readAll(first, 3);
      expect(alike(read.records)).toEqual(alike(put));
      await first.close();
      const second = await source.open();
      const again = await readAll(second, 3);
      expect([alike(again.records), alike(again.ids)]).toEqual([alike(put), alike(read.ids)]);
      for (const token of again.tokens) await second.commit(token);
      // On a slow machine the source may have delivered some again before that.
      for (let more = await second.read(never); more !== null; more = await second.read(never)) {
        expect(read.ids).toEqual(expect.arrayContaining(more.records.map(({ id }) => id)));
        await second.commit(more.token);
      }
      await second.close();
      const third = await source.open();
      expect(await third.read(never)).toBeNull();
      await third.close();
    });

    it('gives no more when it is told to end', async () => {
      const tap = await source.open();
      expect(await tap.read(AbortSignal.abort())).toBeNull();
      await tap.close();
    });

    it('transfers more than a batch, once each', async () => {
      const kit = openKit();
      const put = texts(1_200);
      await source.put(put);
      const totals = await runTap({ open: source.open, map, send: kit.send, signal: never, drain: true });
      expect([totals.counts.ACCEPTED, totals.left_out]).toEqual([1_200, 0]);
      expect(kit.accepted().map(textOf).toSorted()).toEqual(put.toSorted());
      await kit.close();
    });

    const moments: Moment[] = [1, 2].flatMap((nth) =>
      STEPS.flatMap((step) => (['before', 'after'] as const).map((when) => ({ when, step, nth }))),
    );
    it('loses nothing and counts nothing twice when it dies before or after any step', async () => {
      for (const moment of points(moments)) {
        const kit = openKit();
        const [early, late] = [texts(4), texts(3)];
        await source.put(early);
        const dying = dieAt(moment);
        let putting = Promise.resolve();
        const run = (drain: boolean) =>
          runTap({
            ...{ map, signal: never, drain, retryMs: 1 },
            open: async () => dying.tap(await source.open()),
            send: dying.send(kit.send),
            onReport(report) {
              if (report.event === 'waiting') throw report.error;
              // Records come while it runs, so that there is a second batch.
              if (report.event === 'committed' && late.length > 0) putting = source.put(late.splice(0));
            },
          });
        const all = [...early, ...late];
        await expect(run(false)).rejects.toThrow('killed');
        await putting;
        if (late.length > 0) await source.put(late.splice(0));
        // Some sources deliver again only after a while.
        for (let round = 0; round === 0 || (round < ROUNDS_MAX && kit.accepted().length < all.length); round += 1)
          await runTap({ open: source.open, map, send: kit.send, signal: never, drain: true });
        expect(kit.accepted().map(textOf).toSorted(), JSON.stringify(moment)).toEqual(all.toSorted());
        await kit.close();
      }
    });
  });
}

/** Runs after a death in which a source has to deliver everything again; each waits as long as a read does. */
const ROUNDS_MAX = 50;

/** Fields that say nothing, so that the tap's own id decides what is a repeat. */
const map: RecordMap = {
  name: 'contract',
  version: 1,
  map: () => ({ source: 'contract', event_type: 'record', entity_id: 'e', event_time: '2025-12-28T10:00:00Z' }),
};

function openKit() {
  const backend = createMemoryBackend({ now: () => Date.now() });
  const pipeline = createPipeline({ backend });
  const app = createApp({ pipeline, telemetry: silentTelemetry });
  const sender = createRecordSender({ url: 'http://kit', fetch: (request) => app.fetch(request), mapped: true });
  const send: SendLines = (lines) => sender.send(lines);
  return {
    send,
    /** The bytes of each event, once: those of its first receipt. */
    accepted() {
      const first = new Map<string, string>();
      for (const [, pack] of [...backend.packs].toSorted(([a], [b]) => (a < b ? -1 : 1)))
        for (const line of gunzipSync(pack).toString().trimEnd().split('\n')) {
          const { event_id, body = '' }: Envelope = JSON.parse(line);
          if (event_id !== null && !first.has(event_id)) first.set(event_id, body);
        }
      return [...first.values()];
    },
    close: () => pipeline.close(),
  };
}

/** Dies once, before or after one step of a run. */
function dieAt({ when, step, nth }: Moment) {
  const counts = { read: 0, send: 0, commit: 0 };
  const at = async <T>(name: Moment['step'], work: () => Promise<T>): Promise<T> => {
    counts[name] += 1;
    const isNow = name === step && counts[name] === nth;
    if (isNow && when === 'before') throw killed();
    const result = await work();
    // An empty read does not count.
    if (name === 'read' && result === null) counts.read -= 1;
    else if (isNow) throw killed();
    return result;
  };
  return {
    tap: (tap: Tap): Tap => ({
      name: tap.name,
      read: (signal) => at('read', () => tap.read(signal)),
      commit: (token) => at('commit', () => tap.commit(token)),
      close: () => tap.close(),
    }),
    send:
      (send: SendLines): SendLines =>
      (lines) =>
        at('send', () => send(lines)),
  };
}

/** An error of the kit ends a run; any other one is a fault of the source, which is opened again. */
function killed(): KitError {
  return new KitError('INTERNAL', 'killed');
}
