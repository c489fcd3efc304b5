-- multi_class_symbols: return the symbols that share their company (the CIK of the SEC) with another symbol of the lake
-- Grain: one row per symbol. A share count of such a symbol may be the company's total over all classes.
-- Rules:
-- - Two symbols that the company used one after the other, such as FB and META, are no classes.
CREATE OR REPLACE VIEW multi_class_symbols AS
SELECT DISTINCT c.symbol
FROM company_symbols c JOIN company_symbols o ON o.cik = c.cik AND o.symbol <> c.symbol
WHERE c.used_from < o.used_to AND o.used_from < c.used_to;
