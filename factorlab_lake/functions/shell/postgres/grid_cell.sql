-- grid_cell: one symbol and date that is asked about
DO $$
BEGIN
    IF to_regtype(quote_ident(current_schema()) || '.grid_cell') IS NULL THEN
        CREATE TYPE grid_cell AS (symbol text, date date);
    END IF;
END
$$;
