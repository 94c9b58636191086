-- Facts: what was known of a person or an account, and since when.
--
-- pql.person and pql.account hold what is known now. The first value known holds from the beginning,
-- unless its source gives it a time (by a row of its own in pql.fact). A value that replaces
-- another is recorded with the time of the change, and the one before it as from the beginning.
-- Where pql.fact has rows for a fact, they alone count, and the tables hold the latest of them.

SELECT pg_catalog.pg_extension_config_dump('pql.event', '');
SELECT pg_catalog.pg_extension_config_dump('pql.person', '');
SELECT pg_catalog.pg_extension_config_dump('pql.account', '');
SELECT pg_catalog.pg_extension_config_dump('pql.trial', '');
SELECT pg_catalog.pg_extension_config_dump('pql.fact', '');
SELECT pg_catalog.pg_extension_config_dump('pql.list_entry', '');

CREATE INDEX list_entry_by_entry ON pql.list_entry (entry);
CREATE INDEX person_by_account ON pql.person (account_id);

CREATE FUNCTION pql.profile_row(input jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(pg_catalog.jsonb_strip_nulls(nullif(input -> 'attributes', 'null')), '{}')
		|| (pg_catalog.jsonb_strip_nulls(input) - 'attributes');
END;
COMMENT ON FUNCTION pql.profile_row(jsonb) IS 'A row of pql.person or pql.account as facts by name: attributes, and columns over them.';

CREATE FUNCTION pql.record_fact_changes() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	section text := TG_ARGV[0];
	key_column text := TG_ARGV[1];
	was jsonb := pql.profile_row(to_jsonb(OLD)) - key_column;
	becomes jsonb := pql.profile_row(to_jsonb(NEW)) - key_column;
	subject_id text := to_jsonb(OLD) ->> key_column;
	fact record;
	latest record;
BEGIN
	FOR fact IN
		SELECT k AS name, was -> k AS old_value, becomes -> k AS new_value
		FROM (SELECT jsonb_object_keys(was) UNION SELECT jsonb_object_keys(becomes)) names (k)
		WHERE was -> k IS DISTINCT FROM becomes -> k
			-- these columns are times themselves
			AND k NOT IN ('opted_out_at', 'suppressed_at', 'paid_at', 'signed_up_at')
	LOOP
		SELECT f.value, f.recorded_at INTO latest
		FROM pql.fact f
		WHERE f.subject = subject_id AND f.name = section || '.' || fact.name
		ORDER BY f.recorded_at DESC LIMIT 1;
		IF FOUND AND coalesce(latest.value, 'null') = coalesce(fact.new_value, 'null') THEN
			CONTINUE; -- the table follows a row of pql.fact
		END IF;
		IF NOT FOUND AND fact.old_value IS NULL THEN
			CONTINUE; -- the first value known
		END IF;
		IF NOT FOUND THEN
			INSERT INTO pql.fact (subject, name, value, source, recorded_at)
			VALUES (subject_id, section || '.' || fact.name, fact.old_value, 'pql.' || section, '-infinity');
		END IF;
		INSERT INTO pql.fact (subject, name, value, source, recorded_at)
		VALUES (subject_id, section || '.' || fact.name, coalesce(fact.new_value, 'null'), 'pql.' || section,
			clock_timestamp())
		ON CONFLICT (subject, name, recorded_at) DO UPDATE SET value = EXCLUDED.value;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.record_fact_changes() IS 'Trigger: a fact that changes leaves its old value in pql.fact.';

CREATE TRIGGER person_keeps_history AFTER UPDATE ON pql.person
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION pql.record_fact_changes('person', 'user_id');
CREATE TRIGGER account_keeps_history AFTER UPDATE ON pql.account
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION pql.record_fact_changes('account', 'account_id');

CREATE FUNCTION pql.follow_fact() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	section text := split_part(NEW.name, '.', 1);
	fact_name text := substr(NEW.name, length(section) + 2);
	relation text;
	key_column text;
	current_row jsonb;
	latest jsonb;
	is_column boolean;
BEGIN
	CASE section
		WHEN 'person' THEN relation := 'person'; key_column := 'user_id';
		WHEN 'account' THEN relation := 'account'; key_column := 'account_id';
		WHEN 'trial', 'lead' THEN RETURN NULL;
		ELSE
			RAISE EXCEPTION '"%" is not the name of a fact', NEW.name
				USING ERRCODE = 'invalid_parameter_value',
					DETAIL = 'Facts are person.*, account.*, trial.* and lead.*.',
					HINT = 'Write for example ''account.employees''.';
	END CASE;
	EXECUTE format('SELECT to_jsonb(r) FROM pql.%I r WHERE r.%I = $1', relation, key_column)
		INTO current_row USING NEW.subject;
	SELECT nullif(f.value, 'null') INTO latest
	FROM pql.fact f WHERE f.subject = NEW.subject AND f.name = NEW.name
	ORDER BY f.recorded_at DESC LIMIT 1;
	IF current_row IS NULL OR pql.profile_row(current_row) -> fact_name IS NOT DISTINCT FROM latest THEN
		RETURN NULL;
	END IF;
	-- what the table held so far was known from the beginning, unless history says otherwise
	IF pql.profile_row(current_row) -> fact_name IS NOT NULL THEN
		INSERT INTO pql.fact (subject, name, value, source, recorded_at)
		SELECT NEW.subject, NEW.name, pql.profile_row(current_row) -> fact_name, 'pql.' || section, '-infinity'
		WHERE (SELECT count(*) FROM pql.fact f WHERE f.subject = NEW.subject AND f.name = NEW.name) = 1
		ON CONFLICT DO NOTHING;
	END IF;
	is_column := current_row ? fact_name AND fact_name <> 'attributes';
	IF is_column THEN
		BEGIN
			EXECUTE format('UPDATE pql.%I SET %I = (jsonb_populate_record(NULL::pql.%1$I, jsonb_build_object(%L, $1))).%2$I WHERE %I = $2',
				relation, fact_name, fact_name, key_column) USING latest, NEW.subject;
		EXCEPTION WHEN data_exception THEN
			RAISE EXCEPTION '% cannot be %', NEW.name, latest
				USING ERRCODE = 'invalid_parameter_value', DETAIL = SQLERRM,
					HINT = format('Give a value of the type of pql.%I.%I.', relation, fact_name);
		END;
	ELSE
		EXECUTE format('UPDATE pql.%I SET attributes = CASE WHEN $1 IS NULL THEN attributes - $3 ELSE jsonb_set(coalesce(attributes, ''{}''), ARRAY[$3], $1) END WHERE %I = $2',
			relation, key_column) USING latest, NEW.subject, fact_name;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.follow_fact() IS 'Trigger: pql.person and pql.account hold the latest state of pql.fact.';

CREATE TRIGGER tables_follow_facts AFTER INSERT OR UPDATE ON pql.fact
FOR EACH ROW WHEN (NEW.source IS DISTINCT FROM 'pql.person' AND NEW.source IS DISTINCT FROM 'pql.account')
EXECUTE FUNCTION pql.follow_fact();
