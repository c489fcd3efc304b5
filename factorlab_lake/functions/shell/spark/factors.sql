WITH {{grid}},
{{cap_facts}},
{{factor_facts}},
inputs AS (SELECT * FROM ({{inputs_of_factors}}) AS answer)
{{factors_with_dates}}
