{{revisions_query}}
