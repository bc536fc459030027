import { startNodeThread } from './node-thread.ts';
import { Threads } from './threads.ts';

/** The thread that all producers of this process share. */
export const sharedThreads = /* @__PURE__ */ new Threads(startNodeThread);
