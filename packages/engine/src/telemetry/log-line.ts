import type { LogFields } from '../ports/telemetry.ts';

/** What every line starts with. */
export interface LineHead {
  readonly nowMs: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
}

/** One line of JSON. Never throws: fields that have no JSON form are left out, and the line says so. */
export function logLine({ nowMs, level, event }: LineHead, fields: LogFields): string {
  const head = { time: new Date(nowMs).toISOString(), level, event };
  try {
    return `${JSON.stringify({ ...head, ...fields })}\n`;
  } catch {
    return `${JSON.stringify({ ...head, fields_unreadable: true })}\n`;
  }
}
