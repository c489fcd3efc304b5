"""The factors as data, and the parts of the SQL that follow from them and the schema, for every engine."""
