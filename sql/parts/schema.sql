-- The schema is made here, by name, so that nothing of an attacker's making can be there before.
CREATE SCHEMA pql;
COMMENT ON SCHEMA pql IS 'Product-qualified leads: models, evidence, verdicts, and the sales motion on top of them.';

CREATE FUNCTION pql.version() RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_version';
COMMENT ON FUNCTION pql.version() IS 'Version of the library that is loaded.';
