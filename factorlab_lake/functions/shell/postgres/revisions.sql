{{head}}
CREATE OR REPLACE VIEW revisions AS
WITH bars AS (
    SELECT b.symbol, b.date, b.revision, b.fetch_id, b.recorded_at, b.change_kind, v.column_name, v.value
    FROM price_revisions b CROSS JOIN LATERAL (VALUES {{bar_texts}}) AS v (column_name, value)
    UNION ALL
    SELECT b.symbol, b.date, {{CURRENT_REVISION}}, b.fetch_id, b.recorded_at, NULL, v.column_name, v.value
    FROM price_data b CROSS JOIN LATERAL (VALUES {{bar_texts}}) AS v (column_name, value)
    WHERE EXISTS (SELECT FROM price_revisions r WHERE r.symbol = b.symbol AND r.date = b.date)
),
pairs AS (
    SELECT 'price_data' AS table_name, symbol, date, NULL AS fiscal_period, column_name,
           lag(value) OVER bar_order AS old, value AS new, lag(change_kind) OVER bar_order AS kind, recorded_at,
           fetch_id, lag(revision) OVER bar_order IS NOT NULL AS later
    FROM bars
    WINDOW bar_order AS (PARTITION BY symbol, date, column_name ORDER BY revision)
    UNION ALL
    {{revision_pairs}}
)
SELECT table_name, symbol, date, fiscal_period, column_name, old, new, kind, recorded_at, fetch_id
FROM pairs WHERE later AND old IS DISTINCT FROM new;
