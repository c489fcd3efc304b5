{{head}}
CREATE OR REPLACE VIEW instruments AS
WITH contents AS (
    SELECT symbol, valid_from, currency, is_adr, nullif(shares_per_receipt, 0) AS shares_per_receipt FROM profile_history
    UNION ALL
    SELECT symbol, {{BEGINNING_OF_TIME}}, currency, is_adr, nullif(shares_per_receipt, 0)
    FROM company_profiles WHERE symbol NOT IN (SELECT symbol FROM profile_history)
),
moves AS (
    SELECT symbol, max(latest_date) AS moved_on FROM split_events WHERE source = 'inferred' AND status = 'rejected'
    GROUP BY symbol HAVING abs(sum(ln(ratio))) > {{SPLIT_RATIO_SPREAD}}
),
units AS (
    SELECT c.symbol, c.valid_from, c.is_adr, c.shares_per_receipt,
           m.symbol IS NOT NULL AND last_value(c.valid_from) OVER of_symbol < m.moved_on AS is_moved_since,
           CASE WHEN m.symbol IS NULL THEN c.currency ELSE last_value(c.currency) OVER of_symbol END AS currency,
           first_value(c.currency) OVER of_symbol AS first_currency
    FROM contents c LEFT JOIN moves m ON m.symbol = c.symbol
    WINDOW of_symbol AS (PARTITION BY c.symbol ORDER BY c.valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
SELECT symbol, CASE WHEN row_number() OVER by_day = 1 THEN {{BEGINNING_OF_TIME}} ELSE valid_from END AS valid_from,
       coalesce(lead(valid_from) OVER by_day, {{END_OF_TIME}}) AS valid_to,
       {{major_currency}} AS currency, {{units_per_major}} AS quoted_units, shares_per_receipt,
       CASE WHEN is_moved_since AND {{units_per_major}} = {{first_units_per_major}} THEN 'quote_unit_unknown'
            WHEN is_adr AND shares_per_receipt IS NULL THEN 'receipt_ratio_unknown' END AS receipt_reason
FROM units WINDOW by_day AS (PARTITION BY symbol ORDER BY valid_from);
