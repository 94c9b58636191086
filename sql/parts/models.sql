-- Models: documents in the model language, stored as immutable versions, one of them active.

CREATE TABLE pql.model_version (
	model text NOT NULL,
	version int NOT NULL,
	document jsonb NOT NULL,
	evidence_bound int NOT NULL,
	exact_qualification boolean NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by text NOT NULL DEFAULT CURRENT_USER,
	shipped_in text,
	PRIMARY KEY (model, version)
);
COMMENT ON TABLE pql.model_version IS 'Every version of every model. Versions never change; pql.put_model adds one.';
COMMENT ON COLUMN pql.model_version.evidence_bound IS 'Most bytes of memory that one subject''s evidence can take.';
COMMENT ON COLUMN pql.model_version.exact_qualification IS 'Whether qualified_at can be told from evidence to the microsecond, whenever it is judged.';
COMMENT ON COLUMN pql.model_version.shipped_in IS 'The version of pql that brought it; NULL: made here.';

CREATE TABLE pql.model_activation (
	model text NOT NULL,
	activated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	version int,
	activated_by text NOT NULL DEFAULT CURRENT_USER,
	shipped_in text,
	PRIMARY KEY (model, activated_at)
);
COMMENT ON TABLE pql.model_activation IS 'Which version of a model was active since when. The latest row counts.';
COMMENT ON COLUMN pql.model_activation.version IS 'NULL: the model was set aside.';

SELECT pg_catalog.pg_extension_config_dump('pql.model_version', 'WHERE shipped_in IS NULL');
SELECT pg_catalog.pg_extension_config_dump('pql.model_activation', 'WHERE shipped_in IS NULL');

CREATE VIEW pql.active_model AS
SELECT a.model, a.version, a.activated_at, v.document, v.evidence_bound, v.exact_qualification, coalesce(v.document OPERATOR(pg_catalog.->>) 'unit', 'user') AS unit
FROM (SELECT DISTINCT ON (x.model) x.* FROM pql.model_activation x ORDER BY x.model, x.activated_at DESC) a
JOIN pql.model_version v ON v.model OPERATOR(pg_catalog.=) a.model AND v.version OPERATOR(pg_catalog.=) a.version;
COMMENT ON VIEW pql.active_model IS 'The active version of each model: what pql.refresh keeps verdicts of.';

CREATE FUNCTION pql.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION 'version % of model "%" cannot be changed', OLD.version, OLD.model
		USING ERRCODE = 'object_not_in_prerequisite_state',
			DETAIL = 'Verdicts and leads refer to it.',
			HINT = 'Store a new version with pql.put_model; pql.activate_model goes back to an older one.';
END
$$;
COMMENT ON FUNCTION pql.refuse_change() IS 'Trigger: versions of models are immutable.';

CREATE TRIGGER model_version_is_immutable BEFORE UPDATE OR DELETE ON pql.model_version
FOR EACH ROW EXECUTE FUNCTION pql.refuse_change();

CREATE FUNCTION pql.check_model(document text)
RETURNS TABLE (path text, message text, detail text, hint text)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_check_model';
COMMENT ON FUNCTION pql.check_model(text) IS 'All that is wrong with a model document, in its order: JSON path, what, why, and the mend. No rows: it is valid. Over 1 MB or 32 levels deep is an ERROR.';

CREATE FUNCTION pql.read_model(document text) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_read_model';
COMMENT ON FUNCTION pql.read_model(text) IS 'The document as jsonb when it is a valid model; else an ERROR with the first problem.';

CREATE FUNCTION pql.canonical_model(document jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_canonical_model';
COMMENT ON FUNCTION pql.canonical_model(jsonb) IS 'A document as text, with keys in the order in which a person would write them.';

CREATE FUNCTION pql.check_model(document jsonb)
RETURNS TABLE (path text, message text, detail text, hint text)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT c.path, c.message, c.detail, c.hint
	FROM pql.check_model(pql.canonical_model(document)) c;
END;
COMMENT ON FUNCTION pql.check_model(jsonb) IS 'The same for a document that is jsonb already (which has forgotten duplicate keys).';

CREATE FUNCTION pql.model_info(model jsonb, OUT name text, OUT timezone text, OUT per_trial boolean,
	OUT exact_qualification boolean, OUT evidence_bound int, OUT max_score int, OUT events text[],
	OUT facts text[], OUT lists text[], OUT list_facts text[])
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_model_info';
COMMENT ON FUNCTION pql.model_info(jsonb) IS 'What a model needs and promises: timezone, whether its subjects are trials, whether qualified_at is exact, bytes of evidence at most, event names and facts it reads, and which facts (list_facts) it looks up in which lists.';

CREATE FUNCTION pql.model_signals(model jsonb)
RETURNS TABLE (signal text, effect text, category text, events text[])
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_model_signals';
COMMENT ON FUNCTION pql.model_signals(jsonb) IS 'The signals of a model in order, with the event names each looks at ("*": any).';

CREATE FUNCTION pql.nearest_word(word text, words text[]) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_nearest_word';
COMMENT ON FUNCTION pql.nearest_word(text, text[]) IS 'Which of the words it may be a misspelling of; NULL when none is near.';

CREATE FUNCTION pql.model(name text, version int DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found jsonb;
	near text;
BEGIN
	IF version IS NULL THEN
		SELECT v.document INTO found
		FROM pql.model_activation a
		JOIN pql.model_version v ON v.model = a.model AND v.version = a.version
		WHERE a.model = model.name
		ORDER BY a.activated_at DESC LIMIT 1;
		-- one that was never active can be looked at
		IF found IS NULL AND NOT EXISTS (SELECT FROM pql.model_activation a WHERE a.model = model.name) THEN
			SELECT v.document INTO found FROM pql.model_version v WHERE v.model = model.name ORDER BY v.version DESC LIMIT 1;
		END IF;
	ELSE
		SELECT v.document INTO found
		FROM pql.model_version v WHERE v.model = model.name AND v.version = model.version;
	END IF;
	IF found IS NOT NULL OR name IS NULL THEN
		RETURN found;
	END IF;
	IF EXISTS (SELECT FROM pql.model_version v WHERE v.model = model.name) THEN
		RAISE EXCEPTION 'model "%" has no %', name, coalesce('version ' || version, 'active version')
			USING ERRCODE = 'undefined_object',
				DETAIL = format('It has the versions %s.',
					(SELECT string_agg(v.version::text, ', ' ORDER BY v.version)
					 FROM pql.model_version v WHERE v.model = model.name)),
				HINT = format('Activate one: SELECT pql.activate_model(%L, …).', name);
	END IF;
	near := pql.nearest_word(name, ARRAY(SELECT DISTINCT v.model FROM pql.model_version v ORDER BY 1));
	RAISE EXCEPTION 'unknown model "%"', name
		USING ERRCODE = 'undefined_object',
			DETAIL = format('There are %s.',
				(SELECT string_agg(DISTINCT v.model, ', ' ORDER BY v.model) FROM pql.model_version v)),
			HINT = coalesce('Did you mean "' || near || '"?', 'Store it with pql.put_model.');
END
$$;
COMMENT ON FUNCTION pql.model(text, int) IS 'The document of a model: the active version (or that which was active last; of one that never was, the newest), or the one asked for. NULL name: NULL. In queries write (SELECT pql.model(''trial'')): a bare call runs once per row.';

CREATE FUNCTION pql.model_text(name text, version int DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pql.canonical_model(pql.model(name, version));
END;
COMMENT ON FUNCTION pql.model_text(text, int) IS 'A model''s document as canonical text, to read, edit and put back.';

CREATE FUNCTION pql.activate_model(name text, version int) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF name IS NULL OR version IS NULL THEN
		RAISE EXCEPTION '% is NULL', CASE WHEN name IS NULL THEN 'name' ELSE 'version' END
			USING ERRCODE = 'null_value_not_allowed',
				HINT = 'pql.model_version lists the versions there are.';
	END IF;
	PERFORM pql.model(name, version);
	INSERT INTO pql.model_activation (model, version) VALUES (name, version);
	PERFORM pql.put_members_models(name);
END
$$;
COMMENT ON FUNCTION pql.activate_model(text, int) IS 'Makes a version the active one. An unknown model or version is an ERROR.';

CREATE FUNCTION pql.deactivate_model(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	set_aside text;
BEGIN
	IF name IS NULL OR NOT EXISTS (SELECT FROM pql.active_model m WHERE m.model = name) THEN
		RAISE EXCEPTION 'model "%" is not active', name
			USING ERRCODE = 'undefined_object', HINT = format('Active are %s.', coalesce((SELECT string_agg(m.model, ', ' ORDER BY m.model) FROM pql.active_model m), 'none'));
	END IF;
	PERFORM pql.lock_everybody();
	FOREACH set_aside IN ARRAY CASE WHEN pql.model(name) ->> 'unit' = 'account' THEN ARRAY[name, pql.members_model(name)] ELSE ARRAY[name] END LOOP
		INSERT INTO pql.model_activation (model, version) VALUES (set_aside, NULL);
		DELETE FROM pql.state s WHERE s.model = set_aside;
		DELETE FROM pql.score s WHERE s.model = set_aside;
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.deactivate_model(text) IS 'Sets a model aside: pql.refresh keeps its verdicts no longer, and finds no leads by it. Its history and leads stay, and pql.score_all goes on scoring by the version that was active last. pql.activate_model brings it back. A model that is not active is an ERROR.';

CREATE FUNCTION pql.warn_of_absent_events(model jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- more rows than this take too long to look through for a notice; pql.coverage does it when asked
	most_pages CONSTANT int := 20000;
	absent record;
BEGIN
	IF NOT coalesce((
		SELECT bool_and(c.relkind = 'r') AND sum(pg_relation_size(c.oid)) BETWEEN 1 AND most_pages * current_setting('block_size')::bigint
		FROM pql.sources s LEFT JOIN pg_class c ON c.oid = to_regclass(s.relation)
		WHERE s.input = 'events'), false) THEN
		RETURN;
	END IF;
	FOR absent IN
		WITH seen AS MATERIALIZED (SELECT e.event FROM pql.events_seen('infinity') e)
		SELECT string_agg(DISTINCT s.signal, '", "' ORDER BY s.signal) AS signals, w.word,
			pql.nearest_word(w.word, ARRAY(SELECT x.event FROM seen x ORDER BY 1 LIMIT 2000)) AS near
		FROM pql.model_signals(model) s CROSS JOIN LATERAL unnest(s.events) w (word)
		WHERE w.word <> '*' AND EXISTS (SELECT FROM seen) AND NOT EXISTS (SELECT FROM seen x WHERE x.event = w.word)
		GROUP BY w.word
		ORDER BY w.word
	LOOP
		RAISE NOTICE 'no event "%" in the data, which signal "%" looks for', absent.word, absent.signals
			USING HINT = coalesce('Did you mean "' || absent.near || '"? ', '')
				|| 'pql.adapt gives words of the glossary the product''s names; pql.coverage shows all.';
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.warn_of_absent_events(jsonb) IS 'A NOTICE for each event that a model looks for and no source has, unless they are empty, over 160 MB, or no plain tables.';

CREATE FUNCTION pql.put_model(document text, activate boolean DEFAULT true) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	doc jsonb := pql.read_model(document);
	info record;
	added int;
BEGIN
	IF doc IS NULL THEN
		RAISE EXCEPTION 'model document is NULL'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Start from pql.model_text(''trial'').';
	END IF;
	SELECT * INTO info FROM pql.model_info(doc);
	IF doc ->> 'unit' = 'account' THEN
		PERFORM pql.read_model(pql.canonical_model(pql.members_document(doc)));
	END IF;
	LOCK TABLE pql.model_version IN SHARE ROW EXCLUSIVE MODE;
	SELECT coalesce(max(v.version), 0) + 1 INTO added FROM pql.model_version v WHERE v.model = info.name;
	INSERT INTO pql.model_version (model, version, document, evidence_bound, exact_qualification)
	VALUES (info.name, added, doc, info.evidence_bound, info.exact_qualification);
	IF activate THEN
		PERFORM pql.activate_model(info.name, added);
	ELSIF doc ->> 'unit' = 'account' THEN
		PERFORM pql.put_members_models(info.name);
	END IF;
	IF doc ->> 'unit' = 'account' THEN
		RAISE NOTICE 'model "%" version %: members are judged by model "%"', info.name, added, pql.members_model(info.name);
	ELSE
		RAISE NOTICE 'model "%" version %: at most % bytes of evidence a %; %', info.name, added,
			info.evidence_bound, CASE WHEN info.per_trial THEN 'trial' ELSE 'user' END,
			CASE WHEN info.exact_qualification THEN 'qualified_at is exact'
				WHEN NOT info.per_trial THEN 'qualified_at is not kept, for its subjects are not trials'
				ELSE 'qualified_at is not kept, for some of its measures forget when they were met' END;
	END IF;
	PERFORM pql.warn_of_absent_events(doc);
	RETURN added;
END
$$;
COMMENT ON FUNCTION pql.put_model(text, boolean) IS 'Validates a model document and stores it as the next version, active unless told otherwise. Returns the version. A problem is an ERROR with path, value and mend; pql.check_model lists all of them.';

CREATE FUNCTION pql.put_model(document jsonb, activate boolean DEFAULT true) RETURNS int
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT pql.put_model(pql.canonical_model(document), activate);
END;
COMMENT ON FUNCTION pql.put_model(jsonb, boolean) IS 'The same for a document that is jsonb already, such as pql.adapt returns.';

CREATE FUNCTION pql.ship_model(document text, activate boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	doc jsonb := pql.read_model(document);
	info record;
	next int;
BEGIN
	SELECT * INTO info FROM pql.model_info(doc);
	SELECT coalesce(max(v.version), 0) + 1 INTO next FROM pql.model_version v WHERE v.model = info.name;
	INSERT INTO pql.model_version (model, version, document, evidence_bound, exact_qualification, shipped_in)
	VALUES (info.name, next, doc, info.evidence_bound, info.exact_qualification, pql.version());
	IF activate THEN
		-- earlier than whatever the user activates, now or in a dump that is restored after
		INSERT INTO pql.model_activation (model, activated_at, version, shipped_in)
		VALUES (info.name, '2000-01-01 00:00:00+00'::timestamptz + next * interval '1 microsecond', next, pql.version());
	END IF;
END
$$;
COMMENT ON FUNCTION pql.ship_model(text, boolean) IS 'For install and upgrade scripts: stores a shipped model without taking the place of what the user activated. activate false: at hand only.';

CREATE FUNCTION pql.merge_patch(target jsonb, patch jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	result jsonb := CASE WHEN jsonb_typeof(target) = 'object' THEN target ELSE '{}' END;
	entry record;
BEGIN
	IF jsonb_typeof(patch) IS DISTINCT FROM 'object' THEN
		RETURN patch;
	END IF;
	FOR entry IN SELECT key, value FROM jsonb_each(patch) LOOP
		IF entry.value = 'null' THEN
			result := result - entry.key;
		ELSE
			result := jsonb_set(result, ARRAY[entry.key], pql.merge_patch(result -> entry.key, entry.value));
		END IF;
	END LOOP;
	RETURN result;
END
$$;
COMMENT ON FUNCTION pql.merge_patch(jsonb, jsonb) IS 'JSON Merge Patch (RFC 7396): objects merge, null removes, everything else replaces.';

CREATE FUNCTION pql.adapt(name text, changes jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	doc jsonb := pql.model(name);
	words text[] := ARRAY['model', 'about', 'unit', 'timezone', 'window', 'events', 'members', 'signals', 'qualify',
		'hold', 'exclude', 'tiers'];
	glossary text[] := ARRAY(SELECT jsonb_object_keys(coalesce(doc -> 'events', '{}')));
	signals text[] := ARRAY(SELECT s ->> 'signal' FROM jsonb_array_elements(doc -> 'signals') s);
	entry record;
	stray text;
BEGIN
	IF jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'changes to model "%" are no JSON object', name
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Write for example pql.adapt(''trial'', ''{"activation": "first_query_run"}'').';
	END IF;
	FOR entry IN SELECT key, value FROM jsonb_each(changes) LOOP
		IF entry.key = 'signals' AND jsonb_typeof(entry.value) = 'object' THEN
			-- by name: {"signals": {"icp_fit": {"between": [50, 500]}}}; null removes the signal
			SELECT k INTO stray FROM jsonb_object_keys(entry.value) k WHERE k <> ALL (signals) ORDER BY k LIMIT 1;
			IF FOUND THEN
				RAISE EXCEPTION 'model "%" has no signal "%"', name, stray
					USING ERRCODE = 'undefined_object',
						HINT = coalesce('Did you mean "' || pql.nearest_word(stray, signals) || '"?',
							format('It has %s.', array_to_string(signals, ', ')));
			END IF;
			doc := jsonb_set(doc, '{signals}', (
				SELECT jsonb_agg(pql.merge_patch(s.signal, coalesce(entry.value -> (s.signal ->> 'signal'), '{}')) ORDER BY s.n)
				FROM jsonb_array_elements(doc -> 'signals') WITH ORDINALITY s (signal, n)
				WHERE entry.value -> (s.signal ->> 'signal') IS DISTINCT FROM 'null'));
		ELSIF entry.key = 'window' AND entry.value <> 'null' THEN
			-- one window takes the place of another
			doc := jsonb_set(doc, '{window}', entry.value);
		ELSIF entry.key = ANY (words) THEN
			doc := pql.merge_patch(doc, jsonb_build_object(entry.key, entry.value));
		ELSIF entry.key = ANY (glossary) THEN
			doc := jsonb_set(doc, ARRAY['events', entry.key], entry.value);
		ELSE
			RAISE EXCEPTION 'model "%" has no event "%" to adapt', name, entry.key
				USING ERRCODE = 'undefined_object',
					DETAIL = 'Changes name words of the glossary, or sections of the document.',
					HINT = coalesce(
						'Did you mean "' || pql.nearest_word(entry.key, glossary || words) || '"?',
						format('Its glossary has %s. To add one: {"events": {%s: …}}.',
							array_to_string(glossary, ', '), to_json(entry.key)));
		END IF;
	END LOOP;
	-- an ERROR now rather than when it is put
	RETURN pql.read_model(pql.canonical_model(doc));
END
$$;
COMMENT ON FUNCTION pql.adapt(text, jsonb) IS 'The active document of a model with changes: {"activation": "first_query_run"} renames an event of the glossary, {"signals": {"icp_fit": {"between": [50, 500]}}} changes a signal by name (null removes it), other sections merge. Validates, returns the document and stores nothing: give it to pql.put_model.';
