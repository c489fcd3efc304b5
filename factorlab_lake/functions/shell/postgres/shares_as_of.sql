{{head}}
CREATE OR REPLACE FUNCTION shares_as_of(symbols text[], dates date[], vintage text DEFAULT 'known')
RETURNS TABLE (
    symbol text, date date, shares_outstanding double precision, shares_source text, shares_fiscal_date date,
    shares_available_date date, split_basis_date date, shares_age_days bigint, reason text
)
{{planned}}
BEGIN ATOMIC
WITH {{grid}},
{{count_vintages}}
SELECT r.symbol, r.date, c.shares, c.source, c.fiscal_date, c.available_date, c.split_basis_date, r.date - c.fiscal_date, c.reason
FROM requested r
JOIN count_vintages v ON v.symbol = r.symbol
JOIN LATERAL (
    SELECT * FROM share_count_history h
    WHERE h.symbol = r.symbol AND h.of_vintage = v.vintage AND h.valid_from <= r.date
    ORDER BY h.valid_from DESC LIMIT 1) c ON c.valid_to > r.date;
END;
