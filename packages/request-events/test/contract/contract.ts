import { describe } from 'vitest';

import type { StartService } from '../support/service.ts';
import { describeBodies } from './bodies.ts';
import { describeCallbacks } from './callbacks.ts';
import { describeContexts } from './contexts.ts';
import { describeDomainEvents } from './domain-events.ts';
import { describeRedaction } from './redaction.ts';
import { describeRequests } from './requests.ts';
import { describeTransports } from './transports.ts';
import { describeTroubledBackend } from './troubled-backend.ts';

/**
 * The behaviour that the middleware of every framework shares: one suite, and one service with the same routes per
 * framework, with HTTP/2 if the framework has it. Sockets and processes are real; only the backend is in memory.
 */
export function describeRequestEvents(name: string, start: StartService, { http2 = false } = {}): void {
  describe(name, () => {
    describe('requests', () => describeRequests(start));
    describe('events of a route', () => describeDomainEvents(start));
    describe('callbacks', () => describeCallbacks(start));
    describe('transports', () => describeTransports(start, { http2 }));
    describe('contexts', () => describeContexts(start));
    describe('bodies', () => describeBodies(start));
    describe('redaction', () => describeRedaction(start));
    describe('a backend in trouble', () => describeTroubledBackend(start));
  });
}
