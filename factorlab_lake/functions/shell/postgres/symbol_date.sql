-- symbol_date: one symbol and date that is requested about
DO $$
BEGIN
    IF to_regtype(quote_ident(current_schema()) || '.symbol_date') IS NULL THEN
        CREATE TYPE symbol_date AS (symbol text, date date);
    END IF;
END
$$;
