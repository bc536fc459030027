import { describeRequestEvents } from '../../request-events/test/contract/contract.ts';
import { startFastify } from './service.ts';

describeRequestEvents('Fastify 5', startFastify, { http2: true });
