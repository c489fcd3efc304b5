-- multi_class_symbols: return the symbols that share their company (the CIK of the SEC) with another symbol of the lake
-- Grain: one row per symbol. A share count of such a symbol may be the company's total over all classes.
CREATE OR REPLACE VIEW multi_class_symbols AS
SELECT DISTINCT symbol
FROM (SELECT symbol, count(*) OVER (PARTITION BY cik) AS symbols FROM company_symbols)
WHERE symbols > 1;
