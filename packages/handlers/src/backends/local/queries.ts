/** The columns and joins of a whole EVENT row. */
export const EVENT_COLUMNS = `
  event.*, series.source, series.event_type, entity.entity_id, producer.producer_id
  FROM event
  JOIN series USING (series_no)
  JOIN entity USING (entity_no)
  LEFT JOIN producer USING (producer_no)`;

/** The number of the event with the id `:id`, from either level of the key index; null if there is none. */
export const FIND_EVENT_NO = `coalesce(
  (SELECT event_no FROM young.recent_key WHERE event_id = :id),
  (SELECT event_no FROM main.event_key WHERE event_id = :id))`;
