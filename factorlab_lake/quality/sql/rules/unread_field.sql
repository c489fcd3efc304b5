-- unread_field: find values that could not be read, or cannot be
-- Grain: one row per symbol and field of the provider. `date` is the newest such row, `value` their number; `detail` has the text.
-- Such a value is NULL, and the field with its text is in `extra`.
SELECT symbol, max(date) AS date, count(*) AS value, field || ': ' || arg_max(text, date) AS detail
FROM (SELECT symbol, {{date}} AS date, unnest(json_keys(extra)) AS field, extra FROM {{table}} WHERE extra IS NOT NULL) t
CROSS JOIN LATERAL (SELECT json_extract_string(t.extra, '$."' || t.field || '"') AS text)
WHERE field IN ({{fields}})
GROUP BY symbol, field
