{{head}}
CREATE OR REPLACE VIEW revisions AS
{{revisions_query}};
