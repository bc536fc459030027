import { formatEpochMs } from '@pik/schema';

/** A time as a sentence has it: without the zeros behind its seconds, as in `2025-12-28T00:00:00Z`. */
export const plainTime = (epochMs: number): string => plainInstant(formatEpochMs(epochMs));

/** The same of a time that stands in nine digits of a second. */
export const plainInstant = (text: string): string => text.replace(/\.0+Z$/, 'Z').replace(/(\.\d*[1-9])0+Z$/, '$1Z');
