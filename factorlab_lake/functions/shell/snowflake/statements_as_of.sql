{{head}}
CREATE OR REPLACE FUNCTION statements_as_of(as_of DATE, vintage VARCHAR DEFAULT 'known')
RETURNS TABLE ({{statement_types}})
AS
$$
WITH statements AS (
    SELECT s.*, {{arg_as_of}} AS as_of_date, {{arg_vintage}} AS of_vintage FROM financial_statements AS s
)
SELECT * FROM ({{statements_as_of}}) AS answer
$$;
