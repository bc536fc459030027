import { describeRequestEvents } from '@pik/testkit/fixtures/request-events/contract/contract';
import { startFastify } from './service.ts';

describeRequestEvents('Fastify 5', startFastify, { http2: true });
