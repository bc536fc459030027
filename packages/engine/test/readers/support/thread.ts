import { workerData } from 'node:worker_threads';

import type { Backend } from '../../../src/ports/backend.ts';
import { runReader } from '../../../src/readers/run-reader.ts';
import { AGGREGATES } from './aggregates.ts';
import type { ThreadData } from './threads.ts';

// A reader thread of the tests: it has the clock of the test, and what its reads of slices do is chosen by the source asked for.

const { dir, clockMs, reads, gate, ...settings } = workerData as ThreadData;
if (settings.failsAtStart === true) throw new Error('it cannot be started');

const clock = { now: () => Number(Atomics.load(new BigInt64Array(clockMs), 0)) };
const count = (): void => {
  Atomics.add(new Int32Array(reads), 0, 1);
};

/** Stands still, as a thread does in a long computation, until the test opens the gate. */
function standStill(): void {
  Atomics.wait(new Int32Array(gate), 0, 0);
}

function takeMemory(): never {
  for (const held: object[][] = []; ; ) held.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
}

const ENDLESS = Buffer.from(JSON.stringify([0, 0, '00000000-0000-7000-8000-000000000000'])).toString('base64url');

function around(backend: Backend): Backend {
  const { index } = backend;
  const listSlices: Backend['index']['listSlices'] = async (query) => {
    count();
    if (query.source === 'stuck') standStill();
    if (query.source === 'endless') return { items: [], next: ENDLESS };
    if (query.source === 'crash') process.exit(7);
    if (query.source === 'memory') takeMemory();
    return index.listSlices(query);
  };
  return { ...backend, index: { ...index, listSlices } };
}

const aggregates = settings.otherConfig === true ? [] : AGGREGATES;
runReader({ dir, clock, around, aggregates });
