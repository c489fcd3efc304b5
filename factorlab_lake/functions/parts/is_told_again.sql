-- Whether the dividend o takes the place of t: both of two equal dividends in one list are paid; one that two sources told is paid once.
o.symbol = t.symbol AND o.source_provider <> t.source_provider
AND (o.precedence > t.precedence OR o.precedence = t.precedence
     AND (o.fetched_at > t.fetched_at OR o.fetched_at = t.fetched_at AND o.source_provider > t.source_provider))
AND (o.date = t.date
     OR o.date >= {{same_from}} AND o.date <= {{same_to}} AND ABS(o.amount - t.amount) <= {{RESCALED_ROUNDING}})
