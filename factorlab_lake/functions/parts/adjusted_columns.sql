-- The columns of adjusted_prices from the relation adjusted, in which each bar has its factor, its source and the fault of a dividend.
SELECT symbol, date, open_price, high_price, low_price, close_price, volume,
       CASE WHEN reason IS NULL THEN
           CASE source WHEN 'dividends' THEN close_price * factor WHEN 'provider' THEN provider_close ELSE close_price END
       END AS adjusted_close,
       source AS adjusted_close_source, 1e0 / splits_since AS split_factor,
       CASE WHEN reason IS NULL THEN
           CASE source WHEN 'dividends' THEN factor WHEN 'provider' THEN provider_close / NULLIF(close_price, 0e0) END
       END AS dividend_factor,
       CASE WHEN is_unknown THEN 'split_unknown' WHEN source = 'splits' THEN 'no_dividends_known'
            WHEN source = 'provider' AND provider_close IS NULL THEN 'adjusted_close_missing' ELSE reason END AS reason
FROM adjusted
