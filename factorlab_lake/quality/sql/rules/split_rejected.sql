-- split_rejected: list reported splits that do not count because two fetches contradict them
-- Grain: one row per symbol, day and event. `value` is the reported ratio, `expected` that of the fetches where they show one: 1 where
-- a later fetch served the bars before the day unchanged. An inferred one is a change of the unit of quotation.
SELECT e.symbol, e.date, e.ratio AS value, coalesce(min(o.ratio), max(u.numerator / u.denominator)) AS expected,
       e.numerator || ':' || e.denominator || CASE WHEN e.source = 'inferred' THEN ' is a change of the unit of quotation' ELSE ' as reported' END
       || coalesce('; ' || min(u.label), '') AS detail
FROM split_events e LEFT JOIN split_events o ON o.symbol = e.symbol AND o.source = 'inferred' AND o.status = 'applied'
    AND e.date BETWEEN o.earliest_date - {{SAME_SPLIT_DAYS}} AND o.latest_date + {{SAME_SPLIT_DAYS}}
LEFT JOIN splits u ON u.symbol = e.symbol AND u.date = e.date AND u.source = 'inferred' AND u.numerator = u.denominator
WHERE e.status = 'rejected'
GROUP BY e.symbol, e.date, e.event, e.ratio, e.source, e.numerator, e.denominator
