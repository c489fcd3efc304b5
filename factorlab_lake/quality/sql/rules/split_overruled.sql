-- split_overruled: find days on which two sources, or one list, report different ratios
-- Grain: one row per symbol, day and event that does not count. `value` is its ratio, `expected` the ratio that counts.
SELECT e.symbol, e.date, e.ratio AS value, min(o.ratio) AS expected, e.numerator || ':' || e.denominator AS detail
FROM split_events e LEFT JOIN split_events o ON o.symbol = e.symbol AND o.date = e.date AND o.event <> e.event AND o.status <> 'overruled'
WHERE e.status = 'overruled'
GROUP BY ALL
