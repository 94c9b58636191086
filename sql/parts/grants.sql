-- The schema is closed to everybody but its owner: who is to use pql is given one of its roles (pql.grant_to), or USAGE on it and the rights on tables that the work needs.
-- Functions run with the rights of who calls them, and read nothing for who may read nothing; those that run with their owner's are closed.
REVOKE ALL ON FUNCTION pql.ship_model(text, boolean), pql.ship_email_domains(text) FROM PUBLIC;
DO $$
DECLARE
	f regprocedure;
BEGIN
	FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'pql'::regnamespace AND p.prosecdef LOOP
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
	END LOOP;
END
$$;
