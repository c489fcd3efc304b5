{{head}}
CREATE OR REPLACE VIEW sectors AS
WITH contents AS (
    SELECT symbol, valid_from, sector, industry, exchange FROM profile_history
    UNION ALL
    SELECT symbol, TO_DATE(CONVERT_TIMEZONE('UTC', fetched_at)), sector, industry, exchange
    FROM company_profiles WHERE symbol NOT IN (SELECT symbol FROM profile_history)
),
firsts AS (SELECT symbol, MIN(valid_from) AS first_day FROM contents GROUP BY symbol),
takeovers AS (
    SELECT f.symbol, MAX(h.valid_from) AS taken_on
    FROM firsts AS f JOIN company_history AS h ON h.symbol = f.symbol AND h.kind = 'reuse' AND h.valid_from <= f.first_day
    GROUP BY f.symbol
),
starts AS (
    SELECT symbol, valid_from, sector, industry, exchange, 'profile' AS sector_basis FROM contents
    UNION ALL
    SELECT c.symbol, COALESCE(t.taken_on, {{BEGINNING_OF_TIME}}), c.sector, c.industry, c.exchange, 'backfilled'
    FROM contents AS c
    JOIN firsts AS f ON f.symbol = c.symbol AND f.first_day = c.valid_from
    LEFT JOIN takeovers AS t ON t.symbol = c.symbol
    WHERE COALESCE(t.taken_on, {{BEGINNING_OF_TIME}}) < c.valid_from
)
SELECT symbol, valid_from, COALESCE(LEAD(valid_from) OVER (PARTITION BY symbol ORDER BY valid_from), {{END_OF_TIME}}) AS valid_to,
       sector, industry, sector_basis, exchange
FROM starts;
