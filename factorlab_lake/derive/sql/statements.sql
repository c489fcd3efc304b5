-- income_rows, balance_sheet_rows, cash_flow_rows: copy the statements of the symbols, each with a number of its own
-- Grain: one row per statement version. statement_id is unique over the three tables.
{{statement_rows}}
-- symbol_companies: choose the provider of each symbol's statements, and the company
-- Grain: one row per symbol with a statement.
-- Rules:
-- - All statements of a symbol are those of one provider: the first in the lake's order that has any.
-- - The company is the CIK of the newest statement. Without a CIK, it is the symbol. symbol_history overrules both.
CREATE OR REPLACE TEMP TABLE symbol_companies AS
WITH providers AS (
{{statement_providers}}
)
SELECT symbol, min_by(source_provider, coalesce(list_position({{provider_order}}, source_provider), len({{provider_order}}) + 1)) AS statement_provider,
       coalesce('cik:' || max_by(cik, fiscal_date), symbol) AS company_id
FROM (SELECT * FROM providers ORDER BY source_provider) GROUP BY symbol;

{{other_providers}}
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
