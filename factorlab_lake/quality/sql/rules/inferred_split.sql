-- inferred_split: list splits that were inferred from two fetches of the same bars
-- Grain: one row per symbol and ex-date.
SELECT symbol, date, numerator / denominator AS value, label AS detail FROM splits WHERE source = 'inferred'
