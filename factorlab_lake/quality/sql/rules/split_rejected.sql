-- split_rejected: list reported splits that do not count because two fetches contradict them
-- Grain: one row per symbol, day and event. `value` is the reported ratio, `expected` that of the fetches where they show one.
SELECT e.symbol, e.date, e.ratio AS value, min(o.ratio) AS expected, e.numerator || ':' || e.denominator || ' as reported' AS detail
FROM split_events e LEFT JOIN split_events o ON o.symbol = e.symbol AND o.source = 'inferred' AND o.status = 'applied'
    AND e.date BETWEEN o.earliest_date - {{SAME_SPLIT_DAYS}} AND o.latest_date + {{SAME_SPLIT_DAYS}}
WHERE e.status = 'rejected'
GROUP BY e.symbol, e.date, e.event, e.ratio, e.numerator, e.denominator
