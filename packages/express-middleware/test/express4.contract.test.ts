import { createRequire } from 'node:module';

import { describeRequestEvents } from '@pik/testkit/fixtures/request-events/contract/contract';
import { startExpress } from './service.ts';

const express4 = createRequire(import.meta.url)('express4');

describeRequestEvents('Express 4', (options) => startExpress(express4, options));
