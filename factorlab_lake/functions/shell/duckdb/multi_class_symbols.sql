-- multi_class_symbols: return the symbols that share their company (the CIK of the SEC) with another symbol of the lake
-- Grain: one row per symbol, other symbol and interval [used_from, used_to) in which the company used both.
-- A share count of such a symbol may be the company's total over all classes.
-- Rules:
-- - Two symbols that the company used one after the other, such as FB and META, are no classes.
-- - A symbol without statements has the CIK of its profile: the statements of a company may be held under one of its classes alone.
--   The first CIK of its profiles holds for the days before it too.
CREATE OR REPLACE VIEW multi_class_symbols AS
WITH histories AS (
    SELECT symbol, MIN(valid_from) AS used_from, MAX(COALESCE(valid_to, {{END_OF_TIME}})) AS used_to FROM symbol_history GROUP BY symbol
),
profiles AS (
    SELECT symbol, valid_from, cik FROM profile_history
    UNION ALL
    SELECT symbol, {{BEGINNING_OF_TIME}}, cik FROM company_profiles WHERE symbol NOT IN (SELECT symbol FROM profile_history)
),
named AS (
    SELECT symbol, RIGHT('000000000' || cik, 10) AS cik,
           CASE WHEN ROW_NUMBER() OVER by_day = 1 THEN {{BEGINNING_OF_TIME}} ELSE valid_from END AS valid_from,
           COALESCE(LEAD(valid_from) OVER by_day, {{END_OF_TIME}}) AS valid_to
    FROM profiles
    WHERE LTRIM(cik, '0') <> '' AND symbol NOT IN (SELECT symbol FROM company_symbols)
    WINDOW by_day AS (PARTITION BY symbol ORDER BY valid_from)
),
users AS (
    SELECT symbol, cik, used_from, used_to FROM company_symbols
    UNION ALL
    SELECT p.symbol, p.cik, CASE WHEN h.used_from > p.valid_from THEN h.used_from ELSE p.valid_from END,
           CASE WHEN h.used_to < p.valid_to THEN h.used_to ELSE p.valid_to END
    FROM named p LEFT JOIN histories h ON h.symbol = p.symbol
)
SELECT c.symbol, o.symbol AS class_symbol, c.cik,
       CASE WHEN o.used_from > c.used_from THEN o.used_from ELSE c.used_from END AS used_from,
       CASE WHEN o.used_to < c.used_to THEN o.used_to ELSE c.used_to END AS used_to
FROM users c JOIN users o ON o.cik = c.cik AND o.symbol <> c.symbol
WHERE c.used_from < o.used_to AND o.used_from < c.used_to;
