import { signal } from '@preact/signals';

const NAME = 'pik.muted';

/** Windows that will never have events, with the reason. They stay in this browser. */
export interface Mute {
  readonly source: string | null;
  readonly event_type: string | null;
  readonly start_time: string;
  readonly end_time: string;
  readonly reason: string;
}

/** A gap, as far as muting it matters. */
export interface Mutable {
  readonly series: { readonly source?: string | undefined; readonly event_type?: string | undefined };
  readonly start_time: string;
  readonly end_time: string;
}

function stored(): readonly Mute[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(NAME) ?? '[]');
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

/** The mutes of this browser. */
export const muted = signal<readonly Mute[]>(stored());

function keep(list: readonly Mute[]): void {
  localStorage.setItem(NAME, JSON.stringify(list));
  muted.value = list;
}

/** Mutes gaps. A gap that grows beyond its muted windows is shown again. */
export function mute(gaps: readonly Mutable[], reason: string): void {
  const added = gaps.map(({ series, start_time, end_time }) => ({
    ...{ source: series.source ?? null, event_type: series.event_type ?? null, start_time, end_time, reason },
  }));
  keep([...muted.value, ...added]);
}

/** Shows all gaps of a series that were muted. */
export function unmute(one: Mute): void {
  keep(muted.value.filter((other) => other !== one));
}

/** The entry that mutes a gap; undefined if none does. */
export function muteOf({ series, start_time, end_time }: Mutable): Mute | undefined {
  const [start, end] = [Date.parse(start_time), Date.parse(end_time)];
  return muted.value.find(
    (one) =>
      one.source === (series.source ?? null) &&
      one.event_type === (series.event_type ?? null) &&
      Date.parse(one.start_time) <= start &&
      Date.parse(one.end_time) >= end,
  );
}
