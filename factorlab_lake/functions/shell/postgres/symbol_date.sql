-- symbol_date: represent a requested pair of symbol and date
DO $$
BEGIN
    IF to_regtype(quote_ident(current_schema()) || '.symbol_date') IS NULL THEN
        CREATE TYPE symbol_date AS (symbol text, date date);
    END IF;
END
$$;
