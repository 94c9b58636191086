-- Who may do what: four roles to be granted, and one that owns what runs with more rights than the caller's.
--
-- Roles belong to the whole cluster, so the extension's script makes none: pql.grant_to does, in the first database that asks, and the others find
-- them there. A role of that name that can log in, or is more than a name for rights, is somebody else's, and is refused.

CREATE FUNCTION pql.work_functions() RETURNS SETOF regprocedure
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
	WHERE p.pronamespace = 'pql'::regnamespace AND p.prosecdef AND p.prorettype <> 'trigger'::regtype;
END;
COMMENT ON FUNCTION pql.work_functions() IS 'What operators do: functions that run with the rights of their owner, so that who calls them needs none on tables, and can write nothing but through them.';

CREATE FUNCTION pql.reader_rights() RETURNS SETOF regclass
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT c.oid::regclass FROM pg_catalog.pg_class c
	WHERE c.relnamespace = 'pql'::regnamespace AND (c.relkind = 'v' AND c.relname ~ '^(dashboard_|cohort_)'
		OR c.relname IN ('metric', 'metric_definition', 'metric_level', 'model_version', 'model_activation', 'active_model', 'routing', 'routed_model', 'rep', 'team', 'segment_rule', 'run', 'lead', 'lead_event', 'score', 'trial',
			'pilot', 'pilot_breach', 'declaration', 'review_action', 'retention', 'survey', 'deal', 'pause', 'calendar', 'holiday'));
END;
COMMENT ON FUNCTION pql.reader_rights() IS 'What readers may select: dashboards and what they are made of; no names, addresses, events or facts of people.';

CREATE FUNCTION pql.create_roles() RETURNS TABLE (role name, did text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
#variable_conflict use_column
DECLARE
	r record;
	named name;
	f record;
BEGIN
	IF NOT (SELECT x.rolsuper FROM pg_roles x WHERE x.rolname = current_user) THEN
		RAISE EXCEPTION 'only a superuser gives out rights on pql'
			USING ERRCODE = 'insufficient_privilege', HINT = 'Ask whoever installed the extension.';
	END IF;
	FOREACH named IN ARRAY ARRAY['pql_owner', 'pql_reader', 'pql_sync', 'pql_operator', 'pql_admin'] LOOP
		BEGIN
			did := 'was there';
			IF NOT EXISTS (SELECT FROM pg_roles x WHERE x.rolname = named) THEN
				EXECUTE format('CREATE ROLE %I NOLOGIN', named);
				did := 'created';
			END IF;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			NULL; -- in another database, at the same time
		END;
		SELECT x.* INTO r FROM pg_roles x WHERE x.rolname = named;
		IF r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls THEN
			RAISE EXCEPTION 'role "%" is more than a name for rights', named
				USING ERRCODE = 'invalid_role_specification', DETAIL = 'It can log in, or has attributes such as superuser or createrole.',
					HINT = format('If it is meant for pql: ALTER ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS. Else rename it.', named);
		ELSIF EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) THEN
			RAISE EXCEPTION 'role "%" has the rights of others', named
				USING ERRCODE = 'invalid_role_specification', DETAIL = format('It is a member of %s.', (SELECT string_agg(m.roleid::regrole::text, ', ') FROM pg_auth_members m WHERE m.member = r.oid)),
					HINT = format('REVOKE those memberships: who is granted %I is to have what pql gives, and nothing else.', named);
		END IF;
		EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA pql FROM %I', named);
		EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA pql FROM %I', named);
		EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA pql FROM %I', named);
		EXECUTE format('GRANT USAGE ON SCHEMA pql TO %I', named);
		role := named;
		RETURN NEXT;
	END LOOP;

	GRANT SELECT ON pql.crm_contact, pql.crm_account, pql.crm_task TO pql_sync;

	GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA pql TO pql_owner, pql_admin;
	GRANT TRUNCATE ON ALL TABLES IN SCHEMA pql TO pql_admin;
	GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA pql TO pql_owner, pql_admin;
	GRANT EXECUTE ON ALL ROUTINES IN SCHEMA pql TO pql_owner, pql_admin;

	FOR f IN SELECT x AS name FROM pql.reader_rights() x LOOP
		EXECUTE format('GRANT SELECT ON %s TO pql_reader', f.name);
	END LOOP;
	FOR f IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'pql'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p') AND c.relname NOT LIKE 'forgotten%' LOOP
		EXECUTE format('GRANT SELECT ON pql.%I TO pql_operator', f.relname);
	END LOOP;
	-- what only reads, with the rights of who calls it
	FOR f IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'pql'::regnamespace AND NOT p.prosecdef AND p.prorettype <> 'trigger'::regtype AND (p.provolatile <> 'v' OR p.oid IN ('pql.health'::regproc, 'pql.unreadable_sources'::regproc)) LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO pql_reader, pql_operator', f.name);
	END LOOP;
	FOR f IN SELECT w AS name FROM pql.work_functions() w LOOP
		EXECUTE format('ALTER ROUTINE %s OWNER TO pql_owner', f.name);
		EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', f.name);
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO pql_operator, pql_admin', f.name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.create_roles() IS 'Makes the roles pql_reader, pql_sync, pql_operator, pql_admin and pql_owner where they are not there, and gives them exactly their rights in this database: again after pql has been upgraded, and after a dump has been restored. For superusers. ERROR: a role of that name can log in, is a superuser or the like, or is a member of another.';

CREATE FUNCTION pql.checked_role(role text) RETURNS name
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF regexp_replace(role, '^pql_', '') IN ('reader', 'sync', 'operator', 'admin') THEN
		RETURN 'pql_' || regexp_replace(role, '^pql_', '');
	END IF;
	RAISE EXCEPTION 'role "%" is not known', coalesce(role, 'NULL')
		USING ERRCODE = 'invalid_parameter_value', HINT = 'It is reader, sync, operator or admin.';
END
$$;
COMMENT ON FUNCTION pql.checked_role(text) IS 'The name of one of the roles that can be granted. Another word, or NULL, is an ERROR.';

CREATE FUNCTION pql.checked_login(login text) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r record;
BEGIN
	SELECT x.* INTO r FROM pg_roles x WHERE x.rolname = login;
	IF r.rolname IS NULL OR login LIKE 'pql\_%' AND NOT r.rolcanlogin THEN
		RAISE EXCEPTION 'role "%" is none to be granted anything', coalesce(login, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = CASE WHEN r.rolname IS NULL AND login IS NOT NULL THEN format('CREATE ROLE %I LOGIN; first, with whatever authentication you use.', login) ELSE 'Name the role that logs in.' END;
	END IF;
	RETURN r.rolname;
END
$$;
COMMENT ON FUNCTION pql.checked_login(text) IS 'The name of a role that there is. One of pql''s own, an unknown one or NULL is an ERROR.';

CREATE FUNCTION pql.tool_schemas(tool text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN CASE tool WHEN 'census' THEN '{census}'::text[] WHEN 'hightouch' THEN '{hightouch_planner,hightouch_audit}' ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION pql.tool_schemas(text) IS 'Schemas that a tool of reverse ETL writes its own tables to. Others need none.';

CREATE FUNCTION pql.grant_to(role text, login text, tool text DEFAULT NULL) RETURNS TABLE (object text, rights text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
	granted CONSTANT name := pql.checked_role(role);
	who CONSTANT name := pql.checked_login(login);
	s text;
BEGIN
	IF tool IS NOT NULL AND (tool NOT IN ('census', 'hightouch') OR granted <> 'pql_sync') THEN
		RAISE EXCEPTION 'tool "%" is not known of role "%"', tool, granted
			USING ERRCODE = 'invalid_parameter_value', HINT = 'With role sync it is census or hightouch; others need no schema of their own.';
	ELSIF NOT (SELECT r.rolinherit FROM pg_roles r WHERE r.rolname = who) THEN
		RAISE EXCEPTION 'role "%" does not inherit rights', who
			USING ERRCODE = 'invalid_role_specification', HINT = format('ALTER ROLE %I INHERIT; tools do not switch roles.', who);
	END IF;
	PERFORM pql.create_roles();
	EXECUTE format('GRANT %I TO %I', granted, who);
	RETURN QUERY SELECT granted::text, 'member';
	IF NOT has_database_privilege(who, current_database(), 'CONNECT') THEN
		EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), who);
		RETURN QUERY SELECT 'database ' || current_database(), 'CONNECT';
	END IF;
	FOREACH s IN ARRAY pql.tool_schemas(tool) LOOP
		IF to_regnamespace(quote_ident(s)) IS NULL THEN
			EXECUTE format('CREATE SCHEMA %I', s);
		END IF;
		EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', s, who);
		RETURN QUERY SELECT 'schema ' || s, 'USAGE, CREATE';
	END LOOP;
	RETURN QUERY SELECT 'pql.' || c.relname, p.privilege
		FROM pg_class c CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p (privilege)
		WHERE granted = 'pql_sync' AND c.relnamespace = 'pql'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege(who, c.oid, p.privilege) ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION pql.grant_to(text, text, text) IS 'Gives a role that logs in (or a group of such) the rights of reader (dashboards), sync (pql.crm_contact, crm_account and crm_task, and nothing else), operator (reads leads, works them by functions, writes no table) or admin (models, sources, pilots, refresh). Makes pql''s roles where they are not there. tool, with sync: census or hightouch, which get the schemas that they keep their own tables in. Tells what was given; of sync all that it can read. For superusers. ERROR: an unknown role or login, one that does not inherit, and what pql.create_roles refuses.';

CREATE FUNCTION pql.revoke_from(role text, login text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
	revoked CONSTANT name := pql.checked_role(role);
	who CONSTANT name := pql.checked_login(login);
	was boolean;
	s text;
BEGIN
	was := EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid AND r.rolname = revoked JOIN pg_roles l ON l.oid = m.member AND l.rolname = who);
	IF was THEN
		EXECUTE format('REVOKE %I FROM %I', revoked, who);
	END IF;
	IF revoked = 'pql_sync' THEN
		FOREACH s IN ARRAY pql.tool_schemas('census') || pql.tool_schemas('hightouch') LOOP
			IF to_regnamespace(quote_ident(s)) IS NOT NULL THEN
				EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', s, who);
			END IF;
		END LOOP;
	END IF;
	RETURN was;
END
$$;
COMMENT ON FUNCTION pql.revoke_from(text, text) IS 'Takes back what pql.grant_to gave, in all databases, for roles are the cluster''s; schemas of tools stay, with what is in them, and are closed to the login. Returns whether it was a member. For superusers. ERROR: an unknown role or login.';

-- What operators do is done with the owner's rights, so that they can do it and cannot write what they like.
DO $$
DECLARE
	f regprocedure;
BEGIN
	FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'pql'::regnamespace
		AND p.proname IN ('claim', 'release', 'reassign', 'log_touch', 'log_reply', 'log_meeting', 'set_disposition', 'log_conversion', 'opt_in', 'take_alerts', 'ack_alert', 'nack_alert', 'retry_alert', 'slack_claim') LOOP
		EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER', f);
	END LOOP;
END
$$;
