// The part of the schema that producers need: catalog, identity, canonical form, limits and errors. It loads no schema
// library, which would take longer to start than everything else in a producer.
export type { Problem } from './api.ts';
export {
  type AsyncResourceClass,
  type CallerContext,
  callerContext,
  provideAsyncResource,
  runOutside,
  runOwnWork,
} from './async-context.ts';
export { at } from './at.ts';
export { canonicalizeLive } from './canonical-json.ts';
export * from './catalog.ts';
export { counted } from './counted.ts';
export { durationText } from './duration.ts';
export * from './errors.ts';
export type { IngestBatch, IngestResult } from './event.ts';
export { nearestName } from './event-fields.ts';
export { hostModule } from './host.ts';
export { deriveIdentity, type IdentityFields, payloadHash } from './identity.ts';
export * from './limits.ts';
export { stringifyLive } from './live-json.ts';
export * from './outcome.ts';
export { hasVirtualTime, setOwnImmediate, setOwnTimeout } from './own-timers.ts';
export { sha256Hex } from './sha256.ts';
export { EPOCH_MS_MAX, EPOCH_MS_MIN, formatEpochMs, type Instant, parseTime } from './time.ts';
export { utf8Bytes, utf8Text } from './utf8.ts';
export {
  type VolatileDeclaration,
  type VolatileMembers,
  type VolatileOf,
  volatileRules,
  withoutVolatile,
} from './volatile.ts';
export { withoutCredentials } from './without-credentials.ts';
export {
  type HasWrittenDoor,
  WRITTEN_DOOR,
  type WrittenDoor,
  type WrittenEvent,
  writtenDoorOf,
} from './written-event.ts';
