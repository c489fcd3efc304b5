WITH {{grid}},
{{cap_facts}},
{{factor_facts}}
{{factor_inputs_with_dates}}
