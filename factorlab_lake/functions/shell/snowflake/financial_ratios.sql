{{head}}
-- It looks bars up by a join over ranges, and not by ASOF JOIN as the functions do.
CREATE OR REPLACE VIEW financial_ratios AS
{{ratios_of_all}};
