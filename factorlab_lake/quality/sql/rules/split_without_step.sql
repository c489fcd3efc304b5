-- split_without_step: find splits over which bars do not step, although only those after it state that they count it
-- Grain: one row per symbol and ex-date. `value` is the close before the split over the close after it, `expected` the ratio.
-- Such bars are adjusted for the split, and a user loaded them on the basis of their own day.
-- Rules, which are those of missing_steps in ingest/corporate_actions/adjusted_bars.py:
-- - The step is nearer to none than to the ratio by a factor of {{SPLIT_EVIDENCE_FACTOR}}, and so is every step of the days around:
--   lists date splits wrongly by some days.
-- - No other split, however small, lies between the stated bases of the two bars.
WITH told AS (
    SELECT symbol, date AS ex_date, ratio FROM split_events
    WHERE status IN ('applied', 'unproven') AND source <> 'inferred'
),
bars AS (
    SELECT symbol, date, close_price, coalesce(stated_basis_date, split_basis_date) AS basis, source_provider
    FROM price_data WHERE close_price > 0 AND symbol IN (SELECT symbol FROM told)
),
pairs AS (
    SELECT symbol, date AS last_day, source_provider, basis AS before_basis, close_price AS before, lead(date) OVER days AS first_day,
           lead(close_price) OVER days AS after, lead(basis) OVER days AS after_basis
    FROM bars WINDOW days AS (PARTITION BY symbol ORDER BY date)
),
around AS (
    SELECT t.symbol, t.ex_date, t.ratio, p.last_day, p.first_day, p.before, p.after, p.before_basis, p.after_basis, p.source_provider,
           bool_or({{SPLIT_EVIDENCE_FACTOR}} * abs(ln(p.before / p.after)) > abs(ln(p.before / p.after / t.ratio)))
               OVER (PARTITION BY t.symbol, t.ex_date) AS may_step
    FROM told t JOIN pairs p ON p.symbol = t.symbol AND abs(ln(t.ratio)) >= ln({{MIN_SPLIT_RATIO}}) AND p.last_day < t.ex_date + {{SAME_SPLIT_DAYS}}
        AND p.first_day >= t.ex_date - {{SAME_SPLIT_DAYS}} AND p.first_day - p.last_day <= {{MAX_SPARSE_GAP_DAYS}}
)
SELECT a.symbol, a.ex_date AS date, a.before / a.after AS value, a.ratio AS expected,
       'the bar of ' || a.last_day || ' is adjusted; load the bars with the day of the download as split_basis' AS detail
FROM around a
WHERE NOT a.may_step AND a.source_provider = 'file' AND a.last_day < a.ex_date AND a.first_day >= a.ex_date AND a.before_basis < a.ex_date AND a.after_basis >= a.ex_date
  AND NOT EXISTS (SELECT 1 FROM told o WHERE o.symbol = a.symbol AND o.ex_date > a.before_basis AND o.ex_date <= a.after_basis
                  AND abs(o.ex_date - a.ex_date) > {{SAME_SPLIT_DAYS}})
