CASE
    WHEN p.splits_since <> 1
     AND abs(p.close * {{CLOSE_UNITS}} - round(p.close * {{CLOSE_UNITS}})) < {{CLOSE_UNIT_TOLERANCE}}
     AND abs(p.close * p.splits_since - floor(p.close * p.splits_since * 100 + 0.5) / 100) <= {{CLOSE_ROUNDING}} * p.splits_since
    THEN floor(p.close * p.splits_since * 100 + 0.5) / 100 / nullif(p.splits_since, 0)
    ELSE p.close
END
