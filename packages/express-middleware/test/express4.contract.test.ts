import { createRequire } from 'node:module';

import { describeRequestEvents } from '../../request-events/test/contract/contract.ts';
import { startExpress } from './service.ts';

const express4 = createRequire(import.meta.url)('express4');

describeRequestEvents('Express 4', (options) => startExpress(express4, options));
