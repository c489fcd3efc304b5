-- company_symbols: collect the CIKs under which each symbol files
-- Grain: one row per symbol and CIK.
-- Columns:
-- - bars_decide: true for a symbol of several eras (see company_eras), and for one whose unit of quotation a bar may show.
-- - is_main_unit: true where the figures show that the symbol is quoted in pounds and not in pence, though its exchange quotes in
--   hundredths. Only a symbol without a profile needs it.
-- - used_from, used_to: the days on which the company may use the symbol, from symbol_history: FB until Meta's change of symbol.
-- Rules:
-- - The first annual statement with earnings and a quote soon after it decides. A year's earnings of more than
--   {{MIN_MAIN_UNIT_YIELD}} times the quote in hundredths cannot be: the quote is in the main unit.
CREATE OR REPLACE TEMP TABLE company_symbols AS
WITH filers AS (SELECT DISTINCT symbol, cik FROM statement_ciks WHERE cik IS NOT NULL),
-- A row that names the CIK tells more than one that names no company, or names it otherwise.
uses AS (
    SELECT f.symbol, f.cik, h.valid_from, coalesce(h.valid_to, {{END_OF_TIME}}) AS valid_to,
           coalesce(right('000000000' || replace(h.company_id, 'cik:', ''), 10) = f.cik, false) AS is_named
    FROM filers f JOIN symbol_history h ON h.symbol = f.symbol
),
spans AS (
    SELECT symbol, cik, min(valid_from) AS used_from, max(valid_to) AS used_to
    FROM (FROM uses QUALIFY is_named = bool_or(is_named) OVER (PARTITION BY symbol, cik)) GROUP BY symbol, cik
),
earnings AS (
    SELECT r.symbol, r.available_date, r.net_income / r.weighted_average_shares_outstanding AS of_a_share
    FROM income_rows r JOIN statement_lengths l ON l.statement_id = r.statement_id AND l.months = 12
    WHERE {{quotes_in_minor_units}} AND {{compares_with_quotes}} AND r.net_income > 0 AND r.weighted_average_shares_outstanding > 0
),
quotes AS (
    SELECT e.symbol, e.available_date, max(e.of_a_share) AS of_a_share, min_by(p.close_price, p.date) AS quote
    FROM earnings e LEFT JOIN price_data p
      ON p.symbol = e.symbol AND p.date BETWEEN e.available_date AND e.available_date + {{MAX_QUOTE_DISTANCE_DAYS}}
     AND p.close_price > 0
    GROUP BY e.symbol, e.available_date
),
units AS (
    SELECT symbol, count(quote) = 0 AS has_no_quote,
           coalesce(min_by(of_a_share * {{MINOR_UNITS_PER_MAJOR}} / quote, available_date) FILTER (quote IS NOT NULL)
                    >= {{MIN_MAIN_UNIT_YIELD}}, false) AS is_main_unit
    FROM quotes GROUP BY symbol
)
SELECT f.symbol, f.cik, f.symbol IN (SELECT symbol FROM symbols_of_several) OR coalesce(u.has_no_quote, false) AS bars_decide,
       coalesce(u.is_main_unit, false) AS is_main_unit,
       coalesce(s.used_from, {{BEGINNING_OF_TIME}}) AS used_from, coalesce(s.used_to, {{END_OF_TIME}}) AS used_to
FROM filers f LEFT JOIN spans s ON s.symbol = f.symbol AND s.cik = f.cik LEFT JOIN units u ON u.symbol = f.symbol;

-- company_history: list the companies that used each symbol
-- Grain: one row per symbol and interval of a company. No interval has the days between two companies, or those before the
-- first statement that tells the company. A symbol that the lake does not hold has no row, though it is computed when asked for.
CREATE OR REPLACE TEMP TABLE company_history AS
SELECT symbol, company_id, valid_from, valid_to, source, kind FROM companies
WHERE company_id IS NOT NULL AND NOT (company_id = symbol AND valid_from = {{BEGINNING_OF_TIME}} AND valid_to < {{END_OF_TIME}})
  AND symbol IN (SELECT symbol FROM statement_ciks UNION SELECT symbol FROM shares_outstanding
                 UNION SELECT symbol FROM splits UNION SELECT symbol FROM symbol_history UNION SELECT symbol FROM split_lists);
