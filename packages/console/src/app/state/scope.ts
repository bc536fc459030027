import { useEffect } from 'preact/hooks';

import { useAddress } from './address.ts';
import { type Answered, useAnswer } from './answers.ts';
import type { Values } from './api.ts';

/** The range of a page whose address names none: the last days, as the server counts them. */
export const DEFAULT_RANGE = '30d';

/** The range and filters of a page, in the fields of a report. */
export interface Scope {
  readonly range: Values;
}

/** The scope of a page: ready, or the question that decides it. */
export interface Scoping {
  readonly scope: Scope | null;
  /** The question about events in the range: loading, or failed. */
  readonly probe: Answered<unknown>;
  /** The sentence of the server about a range without events. */
  readonly empty: string | null;
}

/** The fields of a report that an address sets. */
export function scopeFields(fields: Readonly<Record<string, string>>): Values {
  const { from, to, as_of, tz, source, type, imported } = fields;
  return {
    start_time: from === 'all' ? undefined : (from ?? (to === undefined ? DEFAULT_RANGE : undefined)),
    end_time: to,
    as_of,
    time_zone: tz,
    source,
    event_type: type,
    include_imported: imported === 'true' ? true : undefined,
  };
}

const ONE = { limit: 1, worst: 1 };

/**
 * The scope of the page. An address without a range means the last days; if they have no events, the address becomes that of
 * all time with imports, so that it says what is shown.
 */
export function useScope(): Scoping {
  const { fields, set } = useAddress();
  const range = scopeFields(fields);
  const isOpen = fields.from === undefined && fields.to === undefined;
  const probe = useAnswer('lag', { ...range, ...ONE });
  const isEmpty = probe.data !== undefined && probe.data.total === null;
  useEffect(() => {
    if (isEmpty && isOpen) set({ from: 'all', imported: 'true' }, { replace: true });
  }, [isEmpty, isOpen]);
  const sentence = probe.data?.empty ?? 'No events lie in this range.';
  return {
    scope: probe.data === undefined || isEmpty ? null : { range },
    probe,
    empty: isEmpty && !isOpen ? sentence : null,
  };
}

/** The fields of a failures report: its range is of receive times, and imports always count. */
export function failureRange({ include_imported: _, ...range }: Values): Values {
  return range;
}
