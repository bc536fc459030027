import { type AuditLog, createAuditLog, type Telemetry } from '@pik/engine';
import type { LocalBackend } from '@pik/engine/local';

import type { PikConfig } from './config.ts';

/** A year, and a month more: last year's month can be compared. */
const RETENTION_DAYS = 400;

/** The audit of a server with keys. Null without keys: nobody is known whom it could name. */
export function openServerAudit(
  { apiKeys, auditRetentionDays: retentionDays = RETENTION_DAYS }: PikConfig,
  { audit: store, clock }: LocalBackend,
  telemetry: Telemetry,
): AuditLog | null {
  if (apiKeys === undefined || store === undefined) return null;
  return createAuditLog({ store, clock, telemetry, retentionDays });
}
