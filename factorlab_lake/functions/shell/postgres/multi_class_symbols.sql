{{head}}
CREATE OR REPLACE VIEW multi_class_symbols AS
SELECT DISTINCT c.symbol
FROM company_symbols c JOIN company_symbols o ON o.cik = c.cik AND o.symbol <> c.symbol
WHERE c.used_from < o.used_to AND o.used_from < c.used_to;
