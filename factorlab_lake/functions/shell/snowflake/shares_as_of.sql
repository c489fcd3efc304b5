{{head}}
CREATE OR REPLACE FUNCTION shares_as_of(symbols ARRAY, dates ARRAY, vintage VARCHAR DEFAULT 'known')
RETURNS TABLE (
    symbol VARCHAR, date DATE, shares_outstanding FLOAT, shares_source VARCHAR, shares_fiscal_date DATE,
    shares_available_date DATE, split_basis_date DATE, shares_age_days INTEGER, reason VARCHAR
)
AS
$$
WITH {{grid}},
{{counts}}
SELECT c.symbol, c.date, c.shares AS shares_outstanding, c.source AS shares_source, c.fiscal_date AS shares_fiscal_date,
       c.available_date AS shares_available_date, c.split_basis_date, c.date - c.fiscal_date AS shares_age_days, c.reason
FROM counts AS c
$$;
