import type { TimelinePage } from '@pik/schema';

/** The fields of an answer that its budget ended early; empty if the answer is complete. */
export type Cut = Pick<TimelinePage, 'partial' | 'notes'>;
