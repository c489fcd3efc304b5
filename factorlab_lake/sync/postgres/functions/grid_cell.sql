-- grid_cell: one symbol and date that is asked about
CREATE TYPE grid_cell AS (symbol text, date date);
