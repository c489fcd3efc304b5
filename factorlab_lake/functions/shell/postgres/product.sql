-- product(number): return the product of the numbers that are not NULL, as DuckDB's product does
CREATE OR REPLACE AGGREGATE product(double precision) (
    SFUNC = float8mul,
    STYPE = double precision,
    PARALLEL = SAFE
);
