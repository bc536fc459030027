-- Which hours of event time are missing? Hours without an event between the first and the last of each series.
-- An event of a time to come ends no series, and of a series longer than a sequence may be the last 9,999 hours are asked about.
WITH hours AS (
  SELECT DISTINCT source, event_type,
    date_trunc('hour', cast(from_iso8601_timestamp_nanos(event_time) AS timestamp)) AS hour_start
  FROM receipts
  WHERE event_id IS NOT NULL
    AND event_time <= received_at
    AND stored_date >= cast(cast(current_date - INTERVAL '30' DAY AS date) AS varchar)
), lives AS (
  SELECT source, event_type, max(hour_start) AS last_hour,
    greatest(min(hour_start), max(hour_start) - INTERVAL '9998' HOUR) AS first_hour
  FROM hours
  GROUP BY source, event_type
), calendar AS (
  SELECT source, event_type, hour_start
  FROM lives
  CROSS JOIN UNNEST(sequence(first_hour, last_hour, INTERVAL '1' HOUR)) AS calendar_hours (hour_start)
)
SELECT calendar.source, calendar.event_type, calendar.hour_start
FROM calendar
LEFT JOIN hours
  ON hours.source = calendar.source
  AND hours.event_type = calendar.event_type
  AND hours.hour_start = calendar.hour_start
WHERE hours.hour_start IS NULL
ORDER BY calendar.source, calendar.event_type, calendar.hour_start
