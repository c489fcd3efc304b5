-- unapplied_split: find price steps that look like a split and that no known split explains
-- Grain: one row per symbol and day.
-- `value` is the step as a ratio. `expected` is the ratio of the known splits between the two split bases.
-- Rules:
-- - Open and close differ by a quarter or more from the previous close.
-- - The next close does not return, and the step is no return from one wrong close.
-- - The volume is below eight times its median of twenty days. After bad news, ten times the usual volume is traded;
--   on the first day after a spin-off or a special dividend, little more than usual.
WITH steps AS (
    SELECT symbol, date, close_price, coalesce(nullif(open_price, 0), close_price) AS open_price, split_basis_date,
           lag(close_price) OVER days AS before, lag(close_price, 2) OVER days AS earlier, lead(close_price) OVER days AS after,
           lag(date) OVER days AS day_before, lag(split_basis_date) OVER days AS basis_before,
           volume, median(volume) OVER (days ROWS BETWEEN {{USUAL_VOLUME_DAYS}} PRECEDING AND 1 PRECEDING) AS usual_volume
    FROM price_data
    WHERE close_price > 0
    WINDOW days AS (PARTITION BY symbol ORDER BY date)
),
candidates AS (
    SELECT * FROM steps
    WHERE date - day_before <= {{UNAPPLIED_SPLIT_GAP_DAYS}} AND abs(ln(close_price / before)) >= ln({{LARGE_STEP_RATIO}})
      AND coalesce(volume < {{NEWS_VOLUME_FACTOR}} * usual_volume, true)
),
told AS (  -- once each, on the day from which prices include it
    SELECT s.symbol, coalesce(e.prices_from, s.date) AS date, s.numerator, s.denominator
    FROM splits s LEFT JOIN split_events e ON e.symbol = s.symbol AND e.date = s.date AND e.event = s.event
    WHERE coalesce(e.status NOT IN ('duplicate', 'retracted'), true)
),
explained AS (
    SELECT c.*, coalesce((
        SELECT exp(sum(CASE WHEN s.date > c.basis_before THEN -1 ELSE 1 END * ln(s.numerator / s.denominator)))
        FROM told s
        WHERE s.symbol = c.symbol AND s.date > least(c.basis_before, c.split_basis_date)
          AND s.date <= greatest(c.basis_before, c.split_basis_date)), 1) AS explained_step
    FROM candidates c
)
SELECT symbol, date, close_price / before AS value, explained_step AS expected,
       coalesce('like a split of ' || (
           SELECT min(n || ':' || d) FROM (VALUES (2, 1), (3, 1), (4, 1), (5, 1), (7, 1), (10, 1), (20, 1), (3, 2), (1, 2), (1, 5),
                                                  (1, 10), (1, 20)) AS usual (n, d)
           WHERE abs(ln(open_price / before / explained_step) + ln(n / d)) < {{SPLIT_LABEL_TOLERANCE}}),
           CASE WHEN close_price < before * explained_step THEN 'like a distribution of ' ELSE 'a step up by ' END
           || round(abs(100 * (1 - close_price / before / explained_step)))::INTEGER || ' % of the price'
       ) AS detail
FROM explained
WHERE least(abs(ln(close_price / before / explained_step)), abs(ln(open_price / before / explained_step))) >= ln({{LARGE_STEP_RATIO}})
  AND sign(ln(close_price / before / explained_step)) = sign(ln(open_price / before / explained_step))
  AND coalesce(abs(ln(close_price / earlier)) > ln({{RETURN_RATIO}}), true)
  AND coalesce(abs(ln(after / close_price)) < abs(ln(close_price / before / explained_step)) / 2, true)
