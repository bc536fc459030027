import { type AuditRecord, formatEpochMs, KitError, LIMITS, MS_PER_DAY } from '@pik/schema';

import type { AuditStore } from '../ports/audit-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { AuditedEnd, AuditedRequest } from './rules/audit-record.ts';

/** Records who asks and does what. Records that wait at the same time are written together. */
export interface AuditLog {
  /** Records that an action is about to begin. Durable on return. Throws `AUDIT_UNAVAILABLE`: then nothing may be done. */
  begin(request: AuditedRequest): Promise<void>;
  /**
   * Records an answer, or the end of an action. Never rejects: on return the record is durable or, if it cannot be written, counted
   * (`AuditLostCount`), logged, and reported by a LOST record as soon as one can be written.
   */
  end(kind: 'READ' | 'ACTED', request: AuditedRequest, how: AuditedEnd): Promise<void>;
  /** Removes records that are older than the retention, by whole days. Never rejects: what is left is removed by the next call. */
  expire(): Promise<void>;
}

/** The parts of an audit. */
export interface AuditLogParts {
  readonly store: AuditStore;
  readonly clock: Pick<Clock, 'now'>;
  readonly telemetry: Telemetry;
  readonly retentionDays: number;
}

interface Waiting {
  readonly line: string;
  readonly done: () => void;
  readonly fail: (cause: unknown) => void;
}

const NOBODY = { request_id: null, route: null, principal: null, owner: null, asked: {}, searched: {} };
const NOT_ENDED: AuditedEnd = { status: null, code: null, duration_ms: null };

/** Creates the audit of a server. */
export function createAuditLog({ store, clock, telemetry, retentionDays }: AuditLogParts): AuditLog {
  let waiting: Waiting[] = [];
  let isWriting = false;
  let lost = 0;

  const write = async () => {
    isWriting = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const told = lost;
      const lines = batch.map(({ line }) => line);
      if (told > 0) lines.unshift(recordText(clock, { ...NOBODY, ...NOT_ENDED, kind: 'LOST', lost: told }));
      try {
        await store.append(lines, clock.now());
        lost -= told;
        for (const { done } of batch) done();
      } catch (error) {
        telemetry.log('error', 'audit_failed', { error: String(error), records: batch.length });
        for (const { fail } of batch) fail(error);
      }
    }
    isWriting = false;
  };

  const append = (line: string) =>
    new Promise<void>((done, fail) => {
      if (waiting.length >= LIMITS.audit_waiting_max) return fail(new Error('too many records wait'));
      waiting.push({ line, done, fail });
      if (!isWriting) void write();
    });

  return {
    async begin(request) {
      try {
        await append(recordText(clock, { ...request, ...NOT_ENDED, kind: 'ACT', lost: 0 }));
      } catch (cause) {
        throw new KitError('AUDIT_UNAVAILABLE', undefined, { cause });
      }
    },
    async end(kind, request, how) {
      try {
        await append(recordText(clock, { ...request, ...how, kind, lost: 0 }));
      } catch {
        lost += 1;
        telemetry.count('AuditLostCount', 1);
      }
    },
    async expire() {
      try {
        const days = await store.removeBefore(clock.now() - retentionDays * MS_PER_DAY);
        if (days > 0) telemetry.log('info', 'audit_expired', { days });
      } catch (error) {
        telemetry.log('error', 'audit_failed', { error: String(error), records: 0 });
      }
    },
  };
}

function recordText(clock: Pick<Clock, 'now'>, record: Omit<AuditRecord, 'recorded_at'>): string {
  return JSON.stringify({ recorded_at: formatEpochMs(clock.now()), ...record } satisfies AuditRecord);
}
