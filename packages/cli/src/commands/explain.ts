import { eventView } from '@pik/render';
import { KitError } from '@pik/schema';
import type { EventSelection } from '@pik/sdk/investigator';

import { investigator } from '../session.ts';
import { type ShowOptions, show } from '../show.ts';

/** Options of `pik explain`: the event by id, by its key fields, or by entity and time. */
export interface ExplainOptions extends ShowOptions {
  readonly source?: string | undefined;
  readonly type?: string | undefined;
  readonly entity?: string | undefined;
  readonly key?: string | undefined;
  readonly time?: string | undefined;
  readonly asOf?: string | undefined;
  readonly timeZone?: string | undefined;
}

/** Explains what happened to one event. True if the event was found. */
export async function explain(eventId: string | undefined, options: ExplainOptions): Promise<boolean> {
  const explanation = await investigator(options).explainEvent(selection(eventId, options), {
    as_of: options.asOf,
    time_zone: options.timeZone,
  });
  await show(options, explanation, eventView);
  return explanation.found;
}

function selection(eventId: string | undefined, { source, type, entity, key, time }: ExplainOptions): EventSelection {
  if (eventId !== undefined) return eventId;
  if (entity !== undefined && time !== undefined) return { entity_id: entity, event_time: time };
  if (source !== undefined && type !== undefined && entity !== undefined && key !== undefined) {
    return { source, event_type: type, entity_id: entity, key };
  }
  throw new KitError(
    'REQUEST_INVALID',
    'name an event: EVENT_ID, or --entity with --time, or --source, --type, --entity and --key',
  );
}
