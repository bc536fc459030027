export { listOutboxes, type OutboxListing } from './outbox/inspect.ts';
export { type OutboxOptions, openOutbox } from './outbox/open.ts';
export type { DeadLetterReason, Outbox, OutboxRecord, OutboxStats } from './outbox/outbox-port.ts';
export type { OutboxReport } from './outbox/reports.ts';
export type { FsyncPolicy } from './outbox/segment-writer.ts';
