/** The columns of a whole EVENT row, in the order in which `toEventRow` takes them. */
export const EVENT_COLUMNS = `
  event.event_id, series.source, series.event_type, entity.entity_id, rule, idempotency_key, producer.producer_id,
  producer_seq, event_ms, event_sub_ns, received_ms, sent_ms, payload_hash, flags, expires_ms, pack_id, line,
  rank, standing`;

/** The tables behind `EVENT_COLUMNS`. */
export const EVENT_TABLES = `
  event
  JOIN series USING (series_no)
  JOIN entity USING (entity_no)
  LEFT JOIN producer USING (producer_no)`;

/** DELIVERY rows with what `toDeliveryRow` takes; a condition may follow. */
export const DELIVERIES =
  'SELECT delivery.*, producer.producer_id FROM delivery LEFT JOIN producer USING (producer_no)';
