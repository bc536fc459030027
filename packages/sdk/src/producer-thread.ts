// The file that a producer's thread runs: it makes the requests of all producers of its process.
import { hostModule } from '@pik/schema/events';

import { serveThread, type ThreadPort } from './producer/thread/serve-thread.ts';

const port = hostModule<{ readonly parentPort: ThreadPort | null }>('node:worker_threads')?.parentPort;
if (port) serveThread(port);
