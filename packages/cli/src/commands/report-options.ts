import type { ReportSelection } from '@pik/sdk/investigator';

import type { ShowOptions } from '../show.ts';

/** What a report covers, as options of a command. */
export interface ReportOptions extends ShowOptions {
  readonly from?: string;
  readonly to?: string;
  readonly asOf?: string;
  readonly source?: string;
  readonly type?: string;
  readonly basis?: 'event' | 'received';
  readonly by?: string;
  readonly includeImported?: boolean;
}

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
