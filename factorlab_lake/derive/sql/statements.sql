-- income_rows, balance_sheet_rows, cash_flow_rows: copy the statements of the symbols, each with a number of its own
-- Grain: one row per statement version. statement_id is unique over the three tables.
{{statement_rows}}
-- symbol_providers: order the providers of each symbol's statements
-- Grain: one row per symbol and provider. place is 1 for the first in the lake's order.
-- Rules:
-- - A user's correction of a provider's filing is that provider's: it makes the provider `file` none of the symbol's.
CREATE OR REPLACE TEMP TABLE symbol_providers AS
WITH providers AS (
{{statement_providers}}
),
ranked AS (
    SELECT DISTINCT symbol, source_provider, coalesce(list_position({{provider_order}}, source_provider), len({{provider_order}}) + 1) AS rank
    FROM providers
)
SELECT symbol, source_provider, row_number() OVER (PARTITION BY symbol ORDER BY rank, source_provider) AS place,
       count(*) OVER (PARTITION BY symbol) > 1 AS is_of_several
FROM ranked;

-- Each provider whose filing a user corrected has the correction.
{{corrections_by_provider}}
