import type { TimelinePage } from '@pik/schema';

/** What an answer says where its budget ended it early; nothing where it is whole. */
export type Cut = Pick<TimelinePage, 'partial' | 'notes'>;
