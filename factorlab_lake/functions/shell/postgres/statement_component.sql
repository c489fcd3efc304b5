-- statement_component: describe one statement that is added to a period's figures, with its sign
DO $$
BEGIN
    IF to_regtype(quote_ident(current_schema()) || '.statement_component') IS NULL THEN
        CREATE TYPE statement_component AS (fiscal_date date, fiscal_period text, version integer, sign integer);
    END IF;
END
$$;
