{{head}}
CREATE OR REPLACE VIEW multi_class_symbols AS
SELECT DISTINCT symbol
FROM (SELECT symbol, count(*) OVER (PARTITION BY cik) AS symbols FROM company_symbols) c
WHERE symbols > 1;
