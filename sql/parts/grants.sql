-- The schema is closed to everybody but its owner. Who is to use pql gets USAGE on it and the rights
-- on tables that the work needs; functions run with the caller's rights.
REVOKE ALL ON FUNCTION pql.ship_model(text, boolean), pql.ship_email_domains(text) FROM PUBLIC;
