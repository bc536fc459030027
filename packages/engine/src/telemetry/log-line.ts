import type { LogFields } from '../ports/telemetry.ts';

/** The fields at the start of every line. */
export interface LineHead {
  readonly nowMs: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
}

/** Formats one line of JSON. Never throws: if the fields have no JSON form, the line omits them and says so. */
export function logLine({ nowMs, level, event }: LineHead, fields: LogFields): string {
  const head = { time: new Date(nowMs).toISOString(), level, event };
  try {
    return `${JSON.stringify({ ...head, ...fields })}\n`;
  } catch {
    return `${JSON.stringify({ ...head, fields_unreadable: true })}\n`;
  }
}
