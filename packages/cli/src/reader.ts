import { workerData } from 'node:worker_threads';

import { prepareThread } from './prepare-thread.ts';
import type { ReaderData } from './reader-threads.ts';

// A thread that answers questions for `pik serve`.

prepareThread();
const { runReader } = await import('@pik/engine/local');
const { loadConfig } = await import('./config.ts');

const { dir, config } = workerData as ReaderData;
const { aggregates, volatile, mask } = await loadConfig(config);
runReader({ dir, aggregates, volatile, mask });
