-- What came more than once? By source, type and event day; a conflict is the same event with another payload.
WITH told AS (
  SELECT source, event_type, substr(event_time, 1, 10) AS event_day, entity_id, event_id, payload_hash,
    row_number() OVER (PARTITION BY event_id ORDER BY received_at, request_id, line) AS nth,
    first_value(payload_hash) OVER (PARTITION BY event_id ORDER BY received_at, request_id, line) AS first_hash
  FROM receipts
  WHERE event_id IS NOT NULL
    AND stored_date >= cast(cast(current_date - INTERVAL '30' DAY AS date) AS varchar)
)
SELECT source, event_type, event_day,
  count(*) AS receipts,
  count(DISTINCT event_id) AS events,
  count_if(nth > 1 AND payload_hash = first_hash) AS duplicates,
  count_if(nth > 1 AND payload_hash <> first_hash) AS conflicts,
  count(DISTINCT entity_id) AS entities
FROM told
GROUP BY source, event_type, event_day
ORDER BY duplicates DESC, source, event_type, event_day
