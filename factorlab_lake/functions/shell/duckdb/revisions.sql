-- revisions: return every value that a later fetch or filing replaced
-- Grain: one row per table, key and column; `old` and `new` are text. `kind` is the kind of the later content.
-- Rules:
-- - A version of a statement replaces the version before it of the same provider. Rows of one length with one period_end are
--   one period, whatever their ends and labels.
-- - The rows follow from the stored versions and bars, so they do not depend on the order in which these arrived.
CREATE OR REPLACE VIEW revisions AS
WITH bars AS (
    SELECT symbol, date, revision, fetch_id, recorded_at, change_kind, {{bar_texts}} FROM price_revisions
    UNION ALL
    SELECT p.symbol, p.date, {{CURRENT_REVISION}}, p.fetch_id, p.recorded_at, NULL, {{bar_texts}}
    FROM price_data p SEMI JOIN price_revisions r ON p.symbol = r.symbol AND p.date = r.date
),
pairs AS (
    SELECT 'price_data' AS table_name, symbol, date, NULL AS fiscal_period, column_name,
           lag(value) OVER bar_order AS old, value AS new, lag(change_kind) OVER bar_order AS kind, recorded_at, fetch_id,
           lag(revision) OVER bar_order IS NOT NULL AS later
    FROM bars UNPIVOT INCLUDE NULLS (value FOR column_name IN ({{bar_names}}))
    WINDOW bar_order AS (PARTITION BY symbol, date, column_name ORDER BY revision)
    UNION ALL
    {{revision_pairs}}
)
SELECT * EXCLUDE (later) FROM pairs WHERE later AND old IS DISTINCT FROM new;
