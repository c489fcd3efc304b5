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
-- company_intervals: compute the company of each symbol by interval
-- Grain: one row per symbol and interval [valid_from, valid_to). Before the first one, and without a CIK, the symbol stands
-- for its company. symbol_history overrules these rows.
-- Point in time: the CIK of the newest period among the statements that were available, so a later CIK changes no earlier day.
CREATE OR REPLACE TEMP TABLE company_intervals AS
WITH known AS (
    SELECT DISTINCT symbol, available_date AS valid_from,
           max_by(cik, fiscal_date::VARCHAR || cik) OVER (PARTITION BY symbol ORDER BY available_date) AS cik
    FROM income_rows WHERE cik IS NOT NULL
)
SELECT symbol, 'cik:' || cik AS company_id, valid_from,
       coalesce(lead(valid_from) OVER (PARTITION BY symbol ORDER BY valid_from), {{END_OF_TIME}}) AS valid_to
FROM known;

-- statement_versions: collect all versions of the statements, without their figures
-- Grain: one row per statement version. `months` is the length of the period.
CREATE OR REPLACE TEMP TABLE statement_versions AS
{{statement_versions}};

-- subjects: number each symbol and vintage whose history is computed
-- Grain: one row per symbol and vintage. A symbol without a restated period has only the vintage 'known', because all
-- three agree.
CREATE OR REPLACE TEMP TABLE subjects AS
WITH versions AS (
    SELECT symbol, count(*) > 1 AS repeated FROM statement_versions GROUP BY statement_type, symbol, fiscal_date, months
),
companies AS (SELECT symbol, bool_or(repeated) AS restated FROM versions GROUP BY symbol)
SELECT row_number() OVER (ORDER BY symbol)::INTEGER AS subject, *
FROM (SELECT symbol, restated, unnest(CASE WHEN restated THEN ['known', 'first', 'latest'] ELSE ['known'] END) AS vintage
      FROM companies);
