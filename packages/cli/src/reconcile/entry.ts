import type { Sorting } from '../files/sorted.ts';

/** One receipt of the kit, or one record of another store, as far as a comparison needs it. */
export interface Entry {
  readonly id: string;
  /** The value to compare, as text; null if none is compared or the record has none. */
  readonly value: string | null;
  /** Outcome of a receipt; `THERE` for a record of the other store. */
  readonly state: string;
  /** Reason of a rejected receipt. */
  readonly code: string | null;
  /** PACK/LINE of a receipt; null for a record of the other store. */
  readonly place: string | null;
  readonly received_at: string | null;
  readonly is_deletion: boolean;
}

/** A record of the other store. */
export const there = (id: string, value: string | null): Entry => ({
  ...{ id, value, state: 'THERE', code: null, place: null, received_at: null, is_deletion: false },
});

/** A value of JSON as the text that is compared; null if there is none. */
export function valueText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const DECIMAL = /^(-?)0*(\d+?)(?:\.(\d*?)0*)?$/;

/** True for equal texts, and for equal decimals such as 12.50 and 12.5, of any length. */
export function isSameValue(a: string, b: string): boolean {
  return a === b || (decimal(a) ?? a) === (decimal(b) ?? b);
}

function decimal(text: string): string | null {
  const parts = DECIMAL.exec(text);
  if (parts === null) return null;
  const [, sign = '', whole = '', fraction = ''] = parts;
  const digits = fraction === '' ? whole : `${whole}.${fraction}`;
  return digits === '0' ? '0' : sign + digits;
}

/** Entries in order of their ids. */
export const BY_ID: Sorting<Entry> = {
  compare: (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  itemsMax: 200_000,
};
