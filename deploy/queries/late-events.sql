-- Which events came late? First arrivals more than six hours after their event time, the latest first.
WITH arrivals AS (
  SELECT source, event_type, entity_id, event_id, event_time, received_at, imported,
    row_number() OVER (PARTITION BY event_id ORDER BY received_at, request_id, line) AS nth,
    date_diff('millisecond', from_iso8601_timestamp_nanos(event_time), from_iso8601_timestamp_nanos(received_at)) AS lag_ms
  FROM receipts
  WHERE event_id IS NOT NULL
    AND stored_date >= cast(cast(current_date - INTERVAL '30' DAY AS date) AS varchar)
)
SELECT source, event_type, entity_id, event_id, event_time, received_at, imported, lag_ms
FROM arrivals
WHERE nth = 1 AND lag_ms > 21600000
ORDER BY lag_ms DESC, event_id
LIMIT 10000
