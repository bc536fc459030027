import { VIEWS } from '@pik/render';
import { type ErrorCode, KitError } from '@pik/schema';
import { CommanderError } from 'commander';

/** The exit statuses of every command. */
export const EXIT = {
  /** The answer is yes, or nothing is wrong. */
  yes: 0,
  /** The command did its work and found a problem. */
  no: 1,
  /** Wrong usage: an unusable option, argument or file. Nothing was done. */
  usage: 2,
  /** The command could not ask its question, or could not finish its work. */
  failed: 3,
} as const;

/** The meaning of 0 and 1 for each command; `no` is null where a command never exits with 1. `docs/cli.md` has the same table. */
export const EXIT_MEANINGS: Readonly<Record<string, { readonly yes: string; readonly no: string | null }>> = {
  demo: { yes: 'the demo ran', no: null },
  serve: { yes: 'the server stopped on a signal', no: null },
  rebuild: {
    yes: 'every recomputed verdict equals the recorded one',
    no: 'a verdict differs, or a pack or file cannot be read',
  },
  backup: { yes: 'the backup is complete', no: null },
  restore: {
    yes: 'every recomputed verdict equals the recorded one',
    no: 'a verdict differs, or a pack or file cannot be read',
  },
  compact: { yes: 'every hour that was due is closed', no: 'an hour stays open because a pack is damaged or missing' },
  erase: {
    yes: 'the receipts are erased; with --list, no erasure is unfinished',
    no: 'nothing was erased: --yes is missing, or it was a dry run; with --list, an erasure is unfinished',
  },
  doctor: { yes: 'no check found a fault', no: 'a check found a fault; warnings do not count' },
  keygen: { yes: 'the key was created', no: null },
  login: { yes: 'the profile is stored', no: 'the server does not accept the key; nothing was stored' },
  logout: { yes: 'the profile is removed', no: null },
  profiles: { yes: 'the list was printed', no: null },
  ingest: {
    yes: 'every record was accepted, as new or as a repeat',
    no: 'a record was rejected, in conflict, or not sent',
  },
  import: {
    yes: 'every record was accepted, as new or as a repeat',
    no: 'a record was rejected, in conflict, or not sent',
  },
  ...Object.fromEntries(
    ['postgres', 'redis', 'nats', 'rabbitmq', 'sqs'].map((source) => [
      `tap ${source}`,
      {
        yes: 'it was stopped, or with --drain every record was accepted',
        no: 'with --drain: a record was rejected or in conflict',
      },
    ]),
  ),
  'outbox list': {
    yes: 'no outbox without an owner has pending records',
    no: 'an outbox without an owner has pending records',
  },
  'outbox drain': { yes: 'all outboxes are empty', no: 'records are left; the output says why' },
  events: { yes: 'the entity has events in the range', no: 'it has none' },
  explain: { yes: 'the event was found', no: 'it was not found' },
  'explain change': { yes: 'the change is explained', no: 'the value has no such version' },
  tail: { yes: 'it was stopped, or printed as many matches as --limit allows', no: null },
  sql: { yes: 'the rows were printed', no: null },
  export: { yes: 'the file was written', no: null },
  deliver: {
    yes: 'every event was delivered or left out by the transform',
    no: 'an event failed or was held, or the delivery was stopped',
  },
  reconcile: { yes: 'nothing differs', no: 'something differs; the output says what, and why' },
  rejects: { yes: 'nothing was rejected', no: 'there are rejected receipts, conflicts or failures' },
  audit: { yes: 'the records were listed', no: null },
  status: { yes: 'nothing needs attention', no: 'something needs attention; the output says what, and since when' },
  verify: {
    yes: 'log and index agree; with --offline or --case: proven',
    no: 'faults were found; with --offline or --case: bytes differ, and 11 to 14 as below',
  },
  'log export': { yes: 'the files were written', no: null },
  'log rotate': { yes: 'the log is signed with a new key', no: null },
  'log replace-key': { yes: 'the log is signed with a new key', no: null },
  'log restore': { yes: 'the log has its entries again', no: null },
  witness: { yes: 'it was stopped', no: null },
  'case export': { yes: 'the file was written', no: 'the event was not found' },
  'verify-case': { yes: 'every answer is the same', no: 'an answer differs or is missing, or the file was changed' },
  ...Object.fromEntries(
    Object.entries(VIEWS).map(([name, { verdict }]) => [name, { yes: verdict.yes, no: verdict.no }]),
  ),
  reingest: {
    yes: 'every receipt was accepted',
    no: 'a receipt was rejected again, is in conflict, or was left unchanged; or no receipt matches',
  },
  replay: {
    yes: 'the events were sent and their windows computed',
    no: 'a window cannot be computed, or a pack is missing',
  },
  replays: { yes: 'the list was printed', no: null },
  'dead-letters': { yes: 'there are no dead letters, or they are back in the queue', no: 'there are dead letters' },
  monitors: {
    yes: 'nothing fires, and every monitor could be judged',
    no: 'an incident fires, or a monitor could not be judged',
  },
  'monitors mute': { yes: 'the monitor is muted', no: 'there is no such monitor' },
  'monitors unmute': { yes: 'the monitor is not muted', no: 'there is no such monitor' },
  check: { yes: 'nothing is wrong', no: 'something is wrong; 3 if nothing is wrong but a monitor could not be judged' },
  history: { yes: 'the value has versions', no: 'it has none' },
  compute: { yes: 'the value was printed', no: null },
  mcp: { yes: 'the assistant closed the input', no: null },
  completion: { yes: 'the script was printed', no: null },
};

const USAGE: ReadonlySet<ErrorCode> = new Set([
  'BIND_REFUSED',
  'CONFIG_INVALID',
  'CURSOR_INVALID',
  'FILE_INVALID',
  'LOG_KEY_INVALID',
  'METRIC_UNKNOWN',
  'REQUEST_INVALID',
]);

/** The server answered that the thing does not exist, or refused the request. */
const NEGATIVE: ReadonlySet<ErrorCode> = new Set([
  'EVENT_UNKNOWN',
  'MONITOR_UNKNOWN',
  'PLAN_STALE',
  'RECEIPT_UNKNOWN',
  'REPLAY_CANCELLED',
  'REPLAY_EXISTS',
  'REPLAY_UNKNOWN',
  'VERSION_UNKNOWN',
]);

/** The exit status of a command that ended with an error. */
export function exitOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.yes : EXIT.usage;
  if (!KitError.is(error)) return EXIT.failed;
  if (USAGE.has(error.code)) return EXIT.usage;
  return NEGATIVE.has(error.code) ? EXIT.no : EXIT.failed;
}
