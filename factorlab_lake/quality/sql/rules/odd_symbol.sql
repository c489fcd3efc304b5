-- odd_symbol: find symbols in lower case, lists of symbols, and headings stored as symbols
-- Grain: one row per symbol. `detail` names the usual spelling where the lake has it.
SELECT DISTINCT t.symbol, NULL::DATE AS date, coalesce('also stored as ' || o.symbol, 'not the spelling of a ticker') AS detail
FROM (SELECT DISTINCT symbol FROM {{table}}) t
LEFT JOIN (SELECT DISTINCT symbol FROM {{table}}) o ON o.symbol = upper(t.symbol) AND o.symbol <> t.symbol
WHERE NOT regexp_matches(t.symbol, '^[A-Z0-9^=][A-Z0-9.^=_/:&+-]*$') OR t.symbol IN ('SYMBOL', 'TICKER')
