-- multi_class_symbols: return the symbols that share their company (the CIK of the SEC) with another symbol of the lake
-- Grain: one row per symbol. A share count of such a symbol may be the company's total over all classes.
CREATE OR REPLACE VIEW multi_class_symbols AS
SELECT symbol
FROM company_symbols
QUALIFY count(*) OVER (PARTITION BY cik) > 1;
