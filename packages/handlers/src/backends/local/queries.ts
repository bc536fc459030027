/** The columns and joins of a whole EVENT row. */
export const EVENT_COLUMNS = `
  event.*, series.source, series.event_type, entity.entity_id, producer.producer_id
  FROM event
  JOIN series USING (series_no)
  JOIN entity USING (entity_no)
  LEFT JOIN producer USING (producer_no)`;
