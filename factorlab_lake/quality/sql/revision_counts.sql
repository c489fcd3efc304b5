-- revision_counts: count superseded values
-- Grain: one row per table and kind of change.
SELECT table_name, kind, count(*) AS "values", count(DISTINCT symbol) AS symbols, max(recorded_at) AS newest
FROM revisions
GROUP BY ALL
ORDER BY table_name, kind
