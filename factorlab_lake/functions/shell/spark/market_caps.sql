WITH {{grid}},
{{cap_facts}},
facts AS (SELECT * FROM cap_facts)
SELECT * FROM ({{market_caps}}) AS answer
