import { prepareThread } from './prepare-thread.ts';

// A thread that parses requests for `pik serve`.

prepareThread();
const { runParser } = await import('@pik/engine/local');

runParser();
