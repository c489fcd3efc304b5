-- inferred_split: list splits that no source reports
-- Grain: one row per symbol and split. Two fetches of the same bars, or of the same share count, differ by its ratio.
SELECT symbol, date, ratio AS value, 'between ' || earliest_date || ' and ' || latest_date AS detail
FROM split_events
WHERE source = 'inferred' AND status = 'applied'
