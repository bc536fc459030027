import { prepareThread } from './prepare-thread.ts';
import { keepYoungGeneration } from './young-generation.ts';

// A thread that parses requests for `pik serve`.

prepareThread();
keepYoungGeneration();
const { runParser } = await import('@pik/engine/local');

runParser();
