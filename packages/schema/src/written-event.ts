/** An event of which a package of the kit has written the JSON itself, so that nothing has to be read and checked again. */
export interface WrittenEvent {
  readonly event_type: string;
  readonly entity_id: string;
  /** JSON text of an object, as `JSON.stringify` would write it. */
  readonly payload: string;
  /** W3C trace context: its form is not checked. */
  readonly traceparent: string;
}

/** The door of a producer for written events. Its events are of their own (`occurrence`), and happen now. */
export interface WrittenDoor {
  /** Whether anything of the caller runs for an event, and so needs the async context of its emit. */
  readonly hasCallbacks: boolean;
  /**
   * Emits an event. Returns false, and does nothing, if only `emit` can: the catalog does not declare the type as one of
   * occurrences, or checks its payloads, or the event is unusually large.
   */
  emit(event: WrittenEvent): boolean;
}

/** The property of a producer that opens its door; every copy of the kit in a process has the same. */
export const WRITTEN_DOOR = Symbol.for('@pik/sdk written events');

/** A producer that may have a door for written events. */
export interface HasWrittenDoor {
  readonly emit: unknown;
  /** The door, and the function `emit` that it stands for. Null if the object is not that producer itself. */
  readonly [WRITTEN_DOOR]?: (() => { readonly door: WrittenDoor; readonly replaces: unknown } | null) | undefined;
}

/**
 * Emits through the door of a producer for as long as its `emit` is its own: a double or a wrapper of a producer sees
 * every event. Returns null if the producer has no such door.
 */
export function writtenDoorOf(producer: HasWrittenDoor): WrittenDoor | null {
  const found = producer[WRITTEN_DOOR]?.() ?? null;
  if (found === null || producer.emit !== found.replaces) return null;
  const { door, replaces } = found;
  return {
    hasCallbacks: door.hasCallbacks,
    emit: (event) => producer.emit === replaces && door.emit(event),
  };
}
