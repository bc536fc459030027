import { printable } from '@pik/render/format';

/** Source and type of a series or group. */
export interface SeriesNames {
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
}

/** The name of a series on screen. */
export function seriesName({ source, event_type }: SeriesNames): string {
  return printable([source, event_type].filter((name) => name !== undefined).join(' · ')) || 'all events';
}

/** The filters that lead to a series. */
export function seriesFields({ source, event_type }: SeriesNames): { source?: string; type?: string } {
  return {
    ...(source === undefined ? {} : { source }),
    ...(event_type === undefined ? {} : { type: event_type }),
  };
}

/** A share as a percentage that never rounds something to nothing, or a part to all. */
export function shareText(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.01) return '< 0.01 %';
  if (percent < 100 && percent > 99.99) return '> 99.99 %';
  return `${percent < 1 || percent > 99 ? Number(percent.toFixed(2)) : percent.toFixed(1)} %`;
}

/** A plain word for a code such as `NOT_RECEIVED`. */
export function wordOf(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ');
}

/** A value in few characters. */
export function shortValue(value: unknown): string {
  if (typeof value === 'number') return value.toLocaleString('en-US', { maximumFractionDigits: 2 });
  const text = JSON.stringify(value) ?? '–';
  return printable(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** The noun after a count that stands in an element of its own. */
export function noun(count: number, one: string): string {
  return count === 1 ? one : `${one}s`;
}
