-- income_rows, balance_sheet_rows, cash_flow_rows: copy the statements of the symbols, each with a number of its own
-- Grain: one row per statement version. statement_id is unique over the three tables.
{{statement_rows}}
-- symbol_companies: choose the provider of each symbol's statements
-- Grain: one row per symbol with a statement.
-- Rules:
-- - All statements of a symbol are those of one provider: the first in the lake's order that has any.
CREATE OR REPLACE TEMP TABLE symbol_companies AS
WITH providers AS (
{{statement_providers}}
)
SELECT symbol, min_by(source_provider, coalesce(list_position({{provider_order}}, source_provider), len({{provider_order}}) + 1)) AS statement_provider
FROM (SELECT * FROM providers ORDER BY source_provider) GROUP BY symbol;

{{other_providers}}
