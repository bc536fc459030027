import { formatEpochMs } from '@pik/schema';

/** A time for use in a sentence: without trailing zeros after its seconds, as in `2025-12-28T00:00:00Z`. */
export const plainTime = (epochMs: number): string => plainInstant(formatEpochMs(epochMs));

/** The same for a time with nine digits of a second. */
export const plainInstant = (text: string): string => text.replace(/\.0+Z$/, 'Z').replace(/(\.\d*[1-9])0+Z$/, '$1Z');
