{{head}}
CREATE OR REPLACE VIEW instruments AS
WITH contents AS (
    SELECT symbol, valid_from, currency, is_adr, NULLIF(shares_per_receipt, 0) AS shares_per_receipt FROM profile_history
    UNION ALL
    SELECT symbol, {{BEGINNING_OF_TIME}}, currency, is_adr, NULLIF(shares_per_receipt, 0)
    FROM company_profiles WHERE symbol NOT IN (SELECT symbol FROM profile_history)
),
moves AS (
    SELECT symbol, MAX(latest_date) AS moved_on FROM split_events WHERE source = 'inferred' AND status = 'rejected'
    GROUP BY symbol HAVING ABS(SUM(LN(ratio))) > {{SPLIT_RATIO_SPREAD}}
),
ends AS (
    SELECT c.symbol, MAX(c.valid_from) AS last_from, MAX_BY(c.currency, c.valid_from) AS last_currency,
           MIN_BY(c.currency, c.valid_from) AS first_currency
    FROM contents AS c GROUP BY c.symbol
),
units AS (
    SELECT c.symbol, c.valid_from, c.is_adr, c.shares_per_receipt,
           m.symbol IS NOT NULL AND e.last_from < m.moved_on AS is_moved_since,
           CASE WHEN m.symbol IS NULL THEN c.currency ELSE e.last_currency END AS currency, e.first_currency
    FROM contents AS c JOIN ends AS e ON e.symbol = c.symbol LEFT JOIN moves AS m ON m.symbol = c.symbol
)
SELECT symbol,
       CASE WHEN ROW_NUMBER() OVER (PARTITION BY symbol ORDER BY valid_from) = 1 THEN {{BEGINNING_OF_TIME}} ELSE valid_from END AS valid_from,
       COALESCE(LEAD(valid_from) OVER (PARTITION BY symbol ORDER BY valid_from), {{END_OF_TIME}}) AS valid_to,
       {{major_currency}} AS currency, {{units_per_major}} AS quoted_units, shares_per_receipt,
       CASE WHEN is_moved_since AND {{units_per_major}} = {{first_units_per_major}} THEN 'quote_unit_unknown'
            WHEN is_adr AND shares_per_receipt IS NULL THEN 'receipt_ratio_unknown' END AS receipt_reason
FROM units;
