-- sectors: tell the sector, industry and exchange of each symbol's company by interval
-- Grain: one row per symbol with a profile and interval [valid_from, valid_to). The intervals of a symbol cover all days, but
-- for those of an earlier company that used the symbol.
-- Columns:
-- - sector_basis: 'profile' from the day of the first profile on, 'backfilled' before it.
-- Rules:
-- - The content of the first profile holds for the days before it too. That is hindsight: a company may have moved.
CREATE OR REPLACE VIEW sectors AS
WITH contents AS (
    SELECT symbol, valid_from, sector, industry, exchange FROM profile_history
    UNION ALL
    SELECT symbol, (fetched_at AT TIME ZONE 'UTC')::DATE, sector, industry, exchange
    FROM company_profiles WHERE symbol NOT IN (SELECT symbol FROM profile_history)
),
firsts AS (SELECT symbol, min(valid_from) AS first_day FROM contents GROUP BY symbol),
takeovers AS (
    SELECT f.symbol, max(h.valid_from) AS taken_on
    FROM firsts f JOIN company_history h ON h.symbol = f.symbol AND h.kind = 'reuse' AND h.valid_from <= f.first_day
    GROUP BY f.symbol
),
starts AS (
    SELECT symbol, valid_from, sector, industry, exchange, 'profile' AS sector_basis FROM contents
    UNION ALL
    SELECT c.symbol, coalesce(t.taken_on, {{BEGINNING_OF_TIME}}), c.sector, c.industry, c.exchange, 'backfilled'
    FROM contents c JOIN firsts f ON f.symbol = c.symbol AND f.first_day = c.valid_from LEFT JOIN takeovers t ON t.symbol = c.symbol
    WHERE coalesce(t.taken_on, {{BEGINNING_OF_TIME}}) < c.valid_from
)
SELECT symbol, valid_from, coalesce(lead(valid_from) OVER (PARTITION BY symbol ORDER BY valid_from), {{END_OF_TIME}}) AS valid_to,
       sector, industry, sector_basis, exchange
FROM starts;
