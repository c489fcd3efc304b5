WITH statements AS (
    SELECT s.*, {{as_of}} AS as_of_date, {{vintage}} AS of_vintage FROM financial_statements s
)
SELECT * FROM ({{statements_as_of}}) AS answer
