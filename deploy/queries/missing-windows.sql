-- Which hours of event time are missing? Hours without an event between the first and the last of each series.
WITH hours AS (
  SELECT DISTINCT source, event_type,
    date_trunc('hour', cast(from_iso8601_timestamp_nanos(event_time) AS timestamp)) AS hour_start
  FROM receipts
  WHERE event_id IS NOT NULL
    AND stored_date >= cast(cast(current_date - INTERVAL '30' DAY AS date) AS varchar)
), lives AS (
  SELECT source, event_type, min(hour_start) AS first_hour, max(hour_start) AS last_hour
  FROM hours
  GROUP BY source, event_type
), calendar AS (
  SELECT source, event_type, hour_start
  FROM lives
  CROSS JOIN UNNEST(sequence(first_hour, last_hour, INTERVAL '1' HOUR)) AS calendar_hours (hour_start)
  -- A sequence has at most 10,000 members; a longer life needs a narrower question.
  WHERE date_diff('hour', first_hour, last_hour) < 10000
)
SELECT calendar.source, calendar.event_type, calendar.hour_start
FROM calendar
LEFT JOIN hours
  ON hours.source = calendar.source
  AND hours.event_type = calendar.event_type
  AND hours.hour_start = calendar.hour_start
WHERE hours.hour_start IS NULL
ORDER BY calendar.source, calendar.event_type, calendar.hour_start
