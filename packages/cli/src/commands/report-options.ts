import type { ReportSelection } from '@pik/sdk/investigator';

import type { ShowOptions } from '../show.ts';
import { type RangeOptions, startOf } from '../times.ts';

/** Options that the report commands share. */
export interface ReportOptions extends ShowOptions, RangeOptions {
  readonly asOf?: string | undefined;
  readonly source?: string | undefined;
  readonly type?: string | undefined;
  readonly basis?: 'event' | 'received' | undefined;
  readonly by?: string | undefined;
  readonly includeImported?: boolean | undefined;
  readonly limit?: string | undefined;
  readonly cursor?: string | undefined;
}

/** Translates the options to a selection. */
export function selection(options: ReportOptions): ReportSelection {
  return {
    start_time: startOf(options),
    end_time: options.to,
    as_of: options.asOf,
    time_zone: options.timeZone,
    source: options.source,
    event_type: options.type,
    basis: options.basis,
    by: options.by?.split(',') as ReportSelection['by'],
    include_imported: options.includeImported,
    limit: numberOf(options.limit),
    cursor: options.cursor,
  };
}

/** The number in an option; the server reports an invalid one. */
export function numberOf(option: string | undefined): number | undefined {
  return option === undefined ? undefined : Number(option);
}

/** Shows as many table rows as `--limit` asks for. */
export function shownRows(options: ReportOptions): ReportOptions {
  return { ...options, rowsMax: numberOf(options.limit) };
}
