import type { ReportSelection } from '@pik/sdk/investigator';

import type { GlobalOptions } from '../session.ts';

/** What a report covers, as options of a command. */
export interface ReportOptions extends GlobalOptions {
  readonly from?: string;
  readonly to?: string;
  readonly asOf?: string;
  readonly source?: string;
  readonly type?: string;
  readonly basis?: 'event' | 'received';
  readonly by?: string;
  readonly includeImported?: boolean;
}

/** Groups shown to a person; `--json` has all. */
export const ROWS_MAX = 40;

/** The selection that the options name. */
export function selection(options: ReportOptions): ReportSelection {
  return {
    start_time: options.from,
    end_time: options.to,
    as_of: options.asOf,
    source: options.source,
    event_type: options.type,
    basis: options.basis,
    by: options.by?.split(',') as ReportSelection['by'],
    include_imported: options.includeImported,
  };
}

/** A group for a person. */
export function groupName(group: Readonly<Record<string, string | undefined>>): string {
  return Object.values(group).join(' ');
}

/** What the table does not show. */
export function more(report: { groups: readonly unknown[]; notes: readonly string[] }): string[] {
  const hidden = report.groups.length - ROWS_MAX;
  return [
    ...(hidden > 0 ? [`and ${hidden} more groups (--json has all)`] : []),
    ...report.notes.map((note) => `note: ${note}`),
  ];
}
