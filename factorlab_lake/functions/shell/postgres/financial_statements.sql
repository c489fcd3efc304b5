{{head}}
CREATE OR REPLACE VIEW financial_statements AS
SELECT s.*, recorded_at AS created_at, recorded_at AS updated_at
FROM (
{{statement_union}}
) AS s;
