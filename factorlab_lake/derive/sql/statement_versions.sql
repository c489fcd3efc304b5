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
