-- missing_bars: list the missing bars, as CTEs that other queries continue
-- Grain of `missing`: one row per symbol and day. `last_bar` is the day of the bar before the gap.
-- Parameters: closed_days, New York's holidays; suffixes_abroad, of symbols that may trade on them.
-- A market day is a day on which two or more symbols traded, and at least half of those with bars before and after it.
WITH spans AS (
    SELECT symbol, min(date) AS first_day, max(date) AS last_day FROM price_data GROUP BY symbol
),
market_days AS (
    SELECT c.date
    FROM (SELECT date, count(*) AS traded FROM price_data GROUP BY date HAVING count(*) >= 2) c
    JOIN spans s ON c.date BETWEEN s.first_day AND s.last_day
    GROUP BY c.date, c.traded
    HAVING 2 * c.traded >= count(*)
),
breaks AS (
    SELECT symbol, date AS last_bar, lead(date) OVER (PARTITION BY symbol ORDER BY date) AS next_bar FROM price_data
    QUALIFY next_bar - last_bar > 1
),
expected AS (
    SELECT b.symbol, b.last_bar, d.date FROM breaks b JOIN market_days d ON d.date > b.last_bar AND d.date < b.next_bar
    UNION
    SELECT symbol, last_bar, day.d::DATE FROM breaks, unnest(range(last_bar + 1, next_bar, INTERVAL 1 DAY)) AS day (d)
    WHERE next_bar - last_bar > {{MAX_WEEKDAY_GAP_DAYS}} AND isodow(day.d) < 6
      AND (NOT list_contains($closed_days::DATE[], day.d::DATE)
           OR list_contains($suffixes_abroad::VARCHAR[], upper(regexp_extract(symbol, '\.([^.]+)$', 1))))
),
missing AS (SELECT * FROM expected)
