-- The dividends of the requested symbols, in amounts per share as counted after every split.
SELECT d.symbol, d.date, d.event, d.source_provider, d.fetched_at,
       COALESCE(d.adjusted_dividend, d.dividend) / CASE WHEN s.symbol IS NULL THEN 1e0
           ELSE s.cumulative_split_factor * s.distribution_factor END AS amount,
       CASE WHEN d.source_provider = 'file' THEN 1 ELSE 0 END AS precedence
FROM dividends d
LEFT JOIN split_history s
  ON s.symbol = d.symbol
 AND CASE WHEN d.adjusted_dividend IS NULL THEN d.date ELSE d.split_basis_date END >= s.from_date
 AND CASE WHEN d.adjusted_dividend IS NULL THEN d.date ELSE d.split_basis_date END < s.to_date
WHERE d.symbol {{among_requested}} AND d.retracted_at IS NULL
