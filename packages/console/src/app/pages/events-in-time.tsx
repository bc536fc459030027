import type { EventView } from '@pik/schema';
import { durationText } from '@pik/schema/words';

import { minuteText, timeText } from '../parts/axis.ts';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { seriesName } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import type { Values } from '../state/api.ts';
import { rangeFields, useArrivals } from '../state/arrivals.ts';
import type { Scope } from '../state/scope.ts';

/** The events of a range. */
export function EventsOfRange({ scope }: { scope: Scope }) {
  const { fields } = useAddress();
  const { axis } = useArrivals(scope);
  const { start_time, end_time, include_imported: _, ...rest } = scope.range;
  const bounds = axis === null ? null : rangeFields(axis);
  const values =
    bounds === null
      ? null
      : {
          ...rest,
          start_time: start_time ?? bounds.from,
          end_time: end_time ?? bounds.to,
          limit: 100,
          cursor: fields.cursor,
        };
  return <EventList name="selection" values={values} />;
}

/** The events of an entity. */
export function EventsOfEntity({ entity }: { entity: string }) {
  const { fields } = useAddress();
  const { as_of, tz, from, to, cursor } = fields;
  return (
    <EventList
      name="timeline"
      values={{
        ...{ entity_id: entity, as_of, time_zone: tz, cursor, limit: 100 },
        start_time: from === 'all' ? undefined : from,
        end_time: to,
      }}
    />
  );
}

function EventList({ name, values }: { name: 'selection' | 'timeline'; values: Values | null }) {
  const { fields, link, set } = useAddress();
  const page = useAnswer(name, values);
  const zone = fields.tz ?? 'UTC';
  return (
    <Shown of={page} what="events">
      {({ events, empty, next_cursor, partial, notes, as_of }) => (
        <>
          <Limits partial={partial} notes={notes} />
          {empty !== undefined && <p class="notice">{empty}</p>}
          {events.length > 0 && (
            <Table<EventView>
              title={`Events as of ${timeText(as_of, zone)}`}
              rows={events}
              first={100}
              keyOf={({ event_id }) => event_id}
              hrefOf={({ event_id }) => link(`/events/${event_id}`)}
              columns={[
                { name: 'Happened', fixed: true, cell: ({ event_time }) => timeText(event_time, zone) },
                { name: 'Entity', cell: ({ entity_id }) => <span class="any">{entity_id}</span> },
                { name: 'Series', fixed: true, cell: (event) => seriesName(event) },
                { name: 'Received', fixed: true, wide: true, cell: ({ received_at }) => minuteText(received_at, zone) },
                { name: 'Lag', end: true, cell: ({ lag_ms }) => durationText(lag_ms) },
                { name: 'Flags', wide: true, cell: ({ flags }) => flags.join(' ').toLowerCase() },
              ]}
              more={
                next_cursor !== null && (
                  <button type="button" class="more" onClick={() => set({ cursor: next_cursor })}>
                    Next page
                  </button>
                )
              }
            />
          )}
        </>
      )}
    </Shown>
  );
}
