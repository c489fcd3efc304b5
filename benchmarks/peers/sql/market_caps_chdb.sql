-- Market caps in ClickHouse's SQL: two as-of joins and a join of the splits.
-- Parameters: {symbols:Array(String)}, {dates:Array(Date32)}, {first:Date32} and {last:Date32} (the span of the bars).
-- Placeholders: $price_data, $income_statements and $splits are table functions over the files.
-- Grain: one row per symbol and date, in this order. Point in time: available_date <= date.
-- Simpler than the lake's: no amended statements, one split a symbol at most, no other share counts, no reasons.
WITH
grid AS (
    SELECT symbol, date FROM (SELECT arrayJoin({symbols:Array(String)}) AS symbol) AS s
    CROSS JOIN (SELECT arrayJoin({dates:Array(Date32)}) AS date) AS d
),
prices AS (
    SELECT symbol, date AS price_date, close_price, split_basis_date AS price_basis
    FROM $price_data
    WHERE date BETWEEN {first:Date32} AND {last:Date32} AND symbol IN ({symbols:Array(String)})
),
counts AS (
    SELECT symbol, fiscal_date, available_date, split_basis_date AS share_basis,
           weighted_average_shares_outstanding AS shares
    FROM $income_statements WHERE symbol IN ({symbols:Array(String)})
),
facts AS (
    SELECT g.symbol AS symbol, g.date AS date, p.close_price AS close_price, p.price_date AS price_date,
           c.shares AS shares, c.fiscal_date AS fiscal_date,
           if(p.price_date < s.date AND s.date <= p.price_basis, s.numerator / s.denominator, NULL) AS since,
           if(p.price_basis < s.date AND s.date <= c.share_basis, s.denominator / s.numerator, 1) AS split_factor
    FROM grid AS g
    ASOF LEFT JOIN prices AS p ON g.symbol = p.symbol AND g.date >= p.price_date
    ASOF LEFT JOIN counts AS c ON g.symbol = c.symbol AND g.date >= c.available_date
    LEFT JOIN $splits AS s ON g.symbol = s.symbol
),
exact AS (
    SELECT *, if(abs(close_price * 1e4 - round(close_price * 1e4)) < 1e-5
                 AND abs(close_price * since - round(close_price * since, 2)) <= 5.01e-5 * since,
                 round(close_price * since, 2) / since, close_price) AS traded
    FROM facts
)
SELECT symbol, date,
       if(dateDiff('day', price_date, date) <= 10 AND dateDiff('day', fiscal_date, date) <= 200,
          traded * shares * split_factor, NULL) AS market_cap
FROM exact ORDER BY symbol, date
SETTINGS join_use_nulls = 1
