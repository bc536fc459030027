-- Where is data delayed? First arrivals by source and type, the greatest delay in sum first. Imports stand apart.
WITH arrivals AS (
  SELECT source, event_type, imported, event_time, received_at,
    row_number() OVER (PARTITION BY event_id ORDER BY received_at, request_id, line) AS nth
  FROM receipts
  WHERE event_id IS NOT NULL
    AND stored_date >= cast(cast(current_date - INTERVAL '30' DAY AS date) AS varchar)
), lags AS (
  SELECT source, event_type, imported,
    date_diff('millisecond', from_iso8601_timestamp_nanos(event_time), from_iso8601_timestamp_nanos(received_at)) AS lag_ms
  FROM arrivals
  WHERE nth = 1
)
SELECT source, event_type, imported,
  count(*) AS events,
  approx_percentile(lag_ms, 0.5) AS p50_ms,
  approx_percentile(lag_ms, 0.95) AS p95_ms,
  approx_percentile(lag_ms, 0.99) AS p99_ms,
  min(lag_ms) AS min_ms,
  max(lag_ms) AS max_ms,
  count_if(lag_ms > 7200000) AS late_over_2h
FROM lags
GROUP BY source, event_type, imported
ORDER BY sum(lag_ms) DESC
