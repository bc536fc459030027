import { join } from 'node:path';

import { describeShutdown } from '@pik/testkit/fixtures/request-events/shutdown';

describeShutdown(join(import.meta.dirname, 'shutdown-child.ts'));
