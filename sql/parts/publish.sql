-- The views that are synced, and the columns of signals in them.
--
-- A view can be given further columns at its end, and nothing else, without going first. So columns of signals keep their places; what
-- a model has no more stays, as NULL, until somebody wants it dropped.

CREATE FUNCTION pql.crm_view_columns(of_object text) RETURNS TABLE (column_name name, definition text, about text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT v.column_name, v.definition, v.about FROM (
		SELECT 0 AS part, a.attnum::int AS n, a.attname AS column_name, format('r.%I', a.attname) AS definition, NULL AS about
		FROM pg_catalog.pg_attribute a
		WHERE a.attrelid = CASE of_object WHEN 'contact' THEN 'pql.crm_contact_row'::regclass WHEN 'account' THEN 'pql.crm_account_row'::regclass WHEN 'task' THEN 'pql.crm_task_row'::regclass END
			AND a.attnum > 0 AND NOT a.attisdropped AND (a.attname <> 'met' AND (a.attname <> 'due_at' OR of_object = 'task'))
		UNION ALL
		SELECT 1, c.position, c.column_name, format('r.met[%s]', c.position), format('Signal %s of model %s: true, false, or NULL where nothing is known.', c.signal, c.model)
		FROM pql.crm_column c WHERE c.object = of_object AND c.dropped_at IS NULL) v
	ORDER BY v.part, v.n;
END;
COMMENT ON FUNCTION pql.crm_view_columns(text) IS 'The columns that the view of an object (contact, account, task) is to have, in order.';

CREATE FUNCTION pql.crm_dependants(of_view regclass) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce(array_agg(DISTINCT o.name ORDER BY o.name), '{}') FROM (
		SELECT CASE WHEN d.classid = 'pg_catalog.pg_rewrite'::regclass THEN (SELECT w.ev_class::regclass::text FROM pg_catalog.pg_rewrite w WHERE w.oid = d.objid)
			ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END AS name
		FROM pg_catalog.pg_depend d
		-- what hangs on the view, or on its row type
		WHERE (d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = of_view
				OR d.refclassid = 'pg_catalog.pg_type'::regclass AND d.refobjid = (SELECT c.reltype FROM pg_catalog.pg_class c WHERE c.oid = of_view))
			AND d.deptype IN ('n', 'a')
			AND NOT (d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid IN (SELECT w.oid FROM pg_catalog.pg_rewrite w WHERE w.ev_class = of_view))) o;
END;
COMMENT ON FUNCTION pql.crm_dependants(regclass) IS 'What would have to go if a view did: views, functions, policies and whatever else refers to it.';

CREATE FUNCTION pql.build_crm_view(of_object text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
	view_name CONSTANT text := 'crm_' || of_object;
	query CONSTANT text := (SELECT format('SELECT %s FROM pql.%I r', string_agg(format('%s AS %I', c.definition, c.column_name), ', '), view_name || '_row') FROM pql.crm_view_columns(of_object) c);
	wanted CONSTANT name[] := ARRAY(SELECT c.column_name FROM pql.crm_view_columns(of_object) c);
	target regclass := to_regclass(format('pql.%I', view_name));
	had name[] := ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = target AND a.attnum > 0 ORDER BY a.attnum);
	dependants text[];
	is_member boolean;
	owner name;
	settings text[];
	about text;
	column_words jsonb;
	acl aclitem[];
	rights jsonb;
	part record;
	did text := 'extended';
BEGIN
	IF target IS NULL THEN
		EXECUTE format('CREATE VIEW pql.%I AS %s', view_name, query);
		did := 'created';
	ELSIF had = wanted THEN
		RETURN 'unchanged';
	ELSIF wanted[1:cardinality(had)] = had THEN
		EXECUTE format('CREATE OR REPLACE VIEW pql.%I AS %s', view_name, query);
	ELSE
		dependants := pql.crm_dependants(target);
		IF dependants <> '{}' THEN
			RAISE EXCEPTION 'columns of pql.% cannot be dropped', view_name
				USING ERRCODE = 'dependent_objects_still_exist', DETAIL = format('Used by %s.', array_to_string(dependants, ', ')),
					HINT = 'Drop these first and make them anew afterwards, or leave the old columns: they are NULL.';
		END IF;
		SELECT c.relacl, c.reloptions, r.rolname, obj_description(c.oid, 'pg_class') INTO acl, settings, owner, about
		FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = target;
		column_words := (SELECT jsonb_object_agg(a.attname, col_description(target, a.attnum)) FROM pg_attribute a WHERE a.attrelid = target AND a.attnum > 0 AND col_description(target, a.attnum) IS NOT NULL);
		is_member := EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = target AND d.deptype = 'e');
		rights := (SELECT jsonb_agg(to_jsonb(g)) FROM (
			SELECT NULL::name AS column_name, x.grantee, x.privilege_type, x.is_grantable FROM aclexplode(acl) x
			UNION ALL SELECT a.attname, x.grantee, x.privilege_type, x.is_grantable
			FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) x WHERE a.attrelid = target AND a.attnum > 0 AND a.attname = ANY (wanted)) g);
		IF is_member THEN
			EXECUTE format('ALTER EXTENSION pql DROP VIEW pql.%I', view_name);
		END IF;
		EXECUTE format('DROP VIEW pql.%I', view_name);
		EXECUTE format('CREATE VIEW pql.%I%s AS %s', view_name, ' WITH (' || array_to_string(settings, ', ') || ')', query);
		target := to_regclass(format('pql.%I', view_name));
		EXECUTE format('ALTER VIEW pql.%I OWNER TO %I', view_name, owner);
		EXECUTE format('COMMENT ON VIEW pql.%I IS %L', view_name, about);
		FOR part IN SELECT w.key, w.value FROM jsonb_each_text(column_words) w WHERE w.key = ANY (wanted) LOOP
			EXECUTE format('COMMENT ON COLUMN pql.%I.%I IS %L', view_name, part.key, part.value);
		END LOOP;
		-- first a member, and then the rights: what a member has when it comes to be one is not dumped
		IF is_member THEN
			EXECUTE format('ALTER EXTENSION pql ADD VIEW pql.%I', view_name);
		END IF;
		FOR part IN SELECT k.* FROM jsonb_to_recordset(rights) k (column_name name, grantee oid, privilege_type text, is_grantable boolean) LOOP
			EXECUTE format('GRANT %s%s ON pql.%I TO %s%s', part.privilege_type, ' (' || quote_ident(part.column_name) || ')', view_name,
				CASE WHEN part.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(part.grantee)) END, CASE WHEN part.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
		END LOOP;
		did := 'made anew';
	END IF;
	FOR part IN SELECT c.column_name, c.about FROM pql.crm_view_columns(of_object) c WHERE c.about IS NOT NULL AND c.column_name <> ALL (had) LOOP
		EXECUTE format('COMMENT ON COLUMN pql.%I.%I IS %L', view_name, part.column_name, part.about);
	END LOOP;
	RETURN did;
END
$$;
COMMENT ON FUNCTION pql.build_crm_view(text) IS 'Makes the view of an object (contact, account, task), or brings its columns in line with pql.crm_column: further ones at its end. Where some are to go the view is made anew, with its owner, rights, options and comments. Returns created, extended, made anew or unchanged. ERROR: some are to go, and something depends on the view.';

SELECT pql.build_crm_view('contact'), pql.build_crm_view('account'), pql.build_crm_view('task');

CREATE FUNCTION pql.follow_crm_columns() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pql.build_crm_view(o) FROM unnest('{contact,account}'::text[]) o;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.follow_crm_columns() IS 'Trigger: the views have the columns that pql.crm_column names, also after a dump has been restored.';
REVOKE ALL ON FUNCTION pql.follow_crm_columns(), pql.build_crm_view(text) FROM PUBLIC;
CREATE TRIGGER views_follow AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pql.crm_column FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_crm_columns();

CREATE FUNCTION pql.crm_column_name(of_object text, of_model text, of_signal text) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	plain CONSTANT text := coalesce(nullif(btrim(regexp_replace(lower(of_signal), '[^a-z0-9]+', '_', 'g'), '_'), ''), 'signal');
	mark CONSTANT text := left(md5(of_model || E'\n' || of_signal), 6);
	candidate text;
BEGIN
	-- by itself; with the model, where another one's has the name; with a mark, where it is too long, or two are spelt alike
	FOREACH candidate IN ARRAY ARRAY['met_' || plain, format('met_%s_%s', btrim(regexp_replace(lower(of_model), '[^a-z0-9]+', '_', 'g'), '_'), plain), format('met_%s_%s', left(plain, 50), mark)] LOOP
		IF octet_length(candidate) <= 63 AND NOT EXISTS (SELECT FROM pql.crm_column c WHERE c.object = of_object AND c.column_name = candidate::name AND c.dropped_at IS NULL) THEN
			RETURN candidate;
		END IF;
	END LOOP;
	RAISE EXCEPTION 'signal "%" of model "%" finds no name for its column', of_signal, of_model
		USING ERRCODE = 'duplicate_column', DETAIL = format('%s is taken.', candidate), HINT = 'Name the signal otherwise.';
END
$$;
COMMENT ON FUNCTION pql.crm_column_name(text, text, text) IS 'A name for the column of a signal that no other has: met_ and the signal in lower-case letters, digits and _, 63 bytes at most.';

CREATE FUNCTION pql.publish(model text, drop_old boolean DEFAULT false) RETURNS TABLE (view text, column_name text, signal text, action text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	of_object text;
	wanted text[];
	s text;
	stamp timestamptz;
BEGIN
	SELECT CASE WHEN m.document ->> 'unit' = 'account' THEN 'account' ELSE 'contact' END, ARRAY(SELECT x.value ->> 'signal' FROM jsonb_array_elements(m.document -> 'signals') WITH ORDINALITY x ORDER BY x.ordinality)
	INTO of_object, wanted
	FROM pql.active_model m WHERE m.model = publish.model;
	IF NOT FOUND AND (publish.model IS NULL OR NOT EXISTS (SELECT FROM pql.crm_column c WHERE c.model = publish.model AND c.dropped_at IS NULL)) THEN
		RAISE EXCEPTION 'model "%" is not active', coalesce(publish.model, 'NULL')
			USING ERRCODE = 'undefined_object', DETAIL = format('Active are %s.', (SELECT string_agg(m.model, ', ' ORDER BY m.model) FROM pql.active_model m)), HINT = 'Only what refresh keeps verdicts of can be published.';
	END IF;
	-- that of a model that was set aside
	of_object := coalesce(of_object, (SELECT min(c.object) FROM pql.crm_column c WHERE c.model = publish.model AND c.dropped_at IS NULL));
	wanted := coalesce(wanted, '{}');
	PERFORM pql.lock_crm();
	stamp := pql.next_publication();

	RETURN QUERY WITH retired AS (
		UPDATE pql.crm_column c SET retired_at = stamp
		WHERE c.model = publish.model AND c.retired_at IS NULL AND c.dropped_at IS NULL AND (c.object <> of_object OR c.signal <> ALL (wanted)) RETURNING c.*
	) SELECT 'pql.crm_' || r.object, r.column_name::text, r.signal, 'retired: NULL from now on' FROM retired r WHERE NOT coalesce(drop_old, false) ORDER BY r.object, r.position;
	RETURN QUERY WITH back AS (
		UPDATE pql.crm_column c SET retired_at = NULL WHERE c.model = publish.model AND c.object = of_object AND c.retired_at IS NOT NULL AND c.dropped_at IS NULL AND c.signal = ANY (wanted) RETURNING c.*
	) SELECT 'pql.crm_' || b.object, b.column_name::text, b.signal, 'filled again' FROM back b ORDER BY b.position;
	IF drop_old THEN
		RETURN QUERY WITH dropped AS (
			UPDATE pql.crm_column c SET dropped_at = stamp WHERE c.model = publish.model AND c.retired_at IS NOT NULL AND c.dropped_at IS NULL RETURNING c.*
		) SELECT 'pql.crm_' || d.object, d.column_name::text, d.signal, 'dropped' FROM dropped d ORDER BY d.object, d.position;
	END IF;
	FOREACH s IN ARRAY wanted LOOP
		CONTINUE WHEN EXISTS (SELECT FROM pql.crm_column c WHERE c.object = of_object AND c.model = publish.model AND c.signal = s AND c.dropped_at IS NULL);
		RETURN QUERY INSERT INTO pql.crm_column AS c (object, position, column_name, model, signal, published_at)
			SELECT of_object, coalesce(max(x.position), 0) + 1, pql.crm_column_name(of_object, publish.model, s), publish.model, s, stamp FROM pql.crm_column x WHERE x.object = of_object
			RETURNING 'pql.crm_' || c.object, c.column_name::text, c.signal, 'added';
	END LOOP;

	-- the columns' content is content: who follows updated_at sees it
	UPDATE pql.crm_contact_row r SET met = n.met, updated_at = stamp FROM (SELECT o.user_id, pql.crm_flags('contact', o.user_id) AS met FROM pql.crm_contact_row o) n WHERE r.user_id = n.user_id AND r.met IS DISTINCT FROM n.met AND r.status <> 'forgotten';
	IF FOUND THEN
		PERFORM pql.note_publication(stamp);
	END IF;
	UPDATE pql.crm_account_row r SET met = n.met, updated_at = stamp FROM (SELECT o.account_id, pql.crm_flags('account', o.account_id) AS met FROM pql.crm_account_row o) n WHERE r.account_id = n.account_id AND r.met IS DISTINCT FROM n.met;
	IF FOUND THEN
		PERFORM pql.note_publication(stamp);
	END IF;
	RETURN QUERY SELECT 'pql.crm_' || c.object, c.column_name::text, c.signal, 'kept' FROM pql.crm_column c
		WHERE c.model = publish.model AND c.dropped_at IS NULL AND c.retired_at IS NULL AND c.published_at < stamp ORDER BY c.position;
END
$$;
COMMENT ON FUNCTION pql.publish(text, boolean) IS 'Gives pql.crm_contact (models of users) or pql.crm_account (models of accounts) a boolean column for each signal of the active version of a model, at the view''s end, and tells of each column what was done: added, kept, filled again, retired (the model has no such signal any more; NULL) or dropped. drop_old: retired columns go, for which the view is made anew, with its rights. Views that depend on it stay; where they do and columns are to be dropped, an ERROR names them. Again after pql.put_model. ERROR: a model that is not active and was never published.';

CREATE FUNCTION pql.unpublished_signals() RETURNS TABLE (model text, signal text, problem text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT m.model, s.value ->> 'signal', 'has no column'
	FROM pql.active_model m CROSS JOIN LATERAL jsonb_array_elements(m.document -> 'signals') s
	WHERE EXISTS (SELECT FROM pql.crm_column c WHERE c.model = m.model AND c.dropped_at IS NULL)
		AND NOT EXISTS (SELECT FROM pql.crm_column c WHERE c.model = m.model AND c.signal = s.value ->> 'signal' AND c.dropped_at IS NULL AND c.retired_at IS NULL)
	UNION ALL
	SELECT c.model, c.signal, 'is not in the model any more'
	FROM pql.crm_column c
	WHERE c.dropped_at IS NULL AND c.retired_at IS NULL
		AND NOT EXISTS (SELECT FROM pql.active_model m CROSS JOIN LATERAL jsonb_array_elements(m.document -> 'signals') s WHERE m.model = c.model AND s.value ->> 'signal' = c.signal)
	ORDER BY 1, 2;
END;
COMMENT ON FUNCTION pql.unpublished_signals() IS 'Signals of published models that pql.publish has not been told of: none, when columns and models agree.';

COMMENT ON VIEW pql.crm_contact IS 'For reverse ETL: one row for each user ever known, by user_id; columns of signals by pql.publish. Rows stay, updated_at moves with what is synced and not else.';
COMMENT ON VIEW pql.crm_account IS 'For reverse ETL: one row for each account ever known, by account_id; columns of signals by pql.publish. Rows stay.';
COMMENT ON VIEW pql.crm_task IS 'For reverse ETL: one row for each lead, by task_id, but for those of the control arm. Rows stay.';
