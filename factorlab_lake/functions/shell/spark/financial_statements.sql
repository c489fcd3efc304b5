SELECT s.*, {{stored_at}}
FROM (
{{statement_union}}
) AS s
