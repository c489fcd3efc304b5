{{head}}
CREATE OR REPLACE VIEW financial_statements AS
SELECT s.*, {{stored_at}}
FROM (
{{statement_union}}
) AS s;
