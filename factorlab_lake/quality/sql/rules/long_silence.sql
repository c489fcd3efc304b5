-- long_silence: find half a year without bars and without statements, after which the symbol may name another company
-- Grain: one row per symbol and gap. `date` is the first bar after it, `value` its days.
-- The CIK does not change: a change has a rule of its own.
WITH breaks AS (
    SELECT symbol, date AS last_bar, lead(date) OVER (PARTITION BY symbol ORDER BY date) AS next_bar FROM price_data
    QUALIFY next_bar - last_bar > {{MAX_SILENCE_DAYS}}
)
SELECT symbol, next_bar AS date, next_bar - last_bar AS value, 'no bar and no statement since ' || last_bar AS detail
FROM breaks b
WHERE NOT EXISTS (SELECT 1 FROM income_statements s WHERE s.symbol = b.symbol AND s.fiscal_date > b.last_bar AND s.fiscal_date < b.next_bar)
  AND (SELECT count(DISTINCT cik) FROM income_statements s WHERE s.symbol = b.symbol) <= 1
