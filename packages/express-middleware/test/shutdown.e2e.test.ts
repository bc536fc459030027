import { join } from 'node:path';

import { describeShutdown } from '../../request-events/test/support/shutdown.ts';

describeShutdown(join(import.meta.dirname, 'shutdown-child.ts'));
