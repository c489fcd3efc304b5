-- statement_part: one statement that is added up to make a period's figures, with its sign
CREATE TYPE statement_part AS (fiscal_date date, fiscal_period text, version integer, sign integer);
