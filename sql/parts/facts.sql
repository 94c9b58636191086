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
SELECT pg_catalog.pg_extension_config_dump('pql.conversion', '');
SELECT pg_catalog.pg_extension_config_dump('pql.fact', '');
SELECT pg_catalog.pg_extension_config_dump('pql.list_entry', '');
SELECT pg_catalog.pg_extension_config_dump('pql.survey', '');
SELECT pg_catalog.pg_extension_config_dump('pql.deal', '');

CREATE INDEX list_entry_by_entry ON pql.list_entry (list, lower(entry));
CREATE INDEX person_by_account ON pql.person (account_id);

CREATE FUNCTION pql.profile_row(input jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN pg_catalog.jsonb_typeof(input -> 'attributes') = 'object' THEN pg_catalog.jsonb_strip_nulls(input -> 'attributes') ELSE '{}' END
		|| (pg_catalog.jsonb_strip_nulls(input) - 'attributes' - 'followed_at');
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
	-- what follows a connected table is known when it is read
	known_from timestamptz := coalesce(nullif(current_setting('pql_follow.recorded_at', true), '')::timestamptz, clock_timestamp());
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
			known_from)
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

CREATE FUNCTION pql.set_fact(section text, subject_id text, fact_name text, fact_value jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	key_column text := CASE section WHEN 'person' THEN 'user_id' ELSE 'account_id' END;
	is_column boolean := EXISTS (SELECT FROM pg_attribute a
		WHERE a.attrelid = format('pql.%I', section)::regclass AND a.attname = fact_name AND a.attnum > 0
			AND NOT a.attisdropped AND a.attname NOT IN ('attributes', 'followed_at', key_column));
BEGIN
	IF is_column THEN
		EXECUTE format('UPDATE pql.%1$I SET %2$I = (jsonb_populate_record(NULL::pql.%1$I, jsonb_build_object(%2$L, $1))).%2$I WHERE %3$I = $2',
			section, fact_name, key_column) USING fact_value, subject_id;
	ELSIF fact_value IS NULL THEN
		EXECUTE format('UPDATE pql.%I SET attributes = attributes - $1 WHERE %I = $2', section, key_column)
			USING fact_name, subject_id;
	ELSE
		EXECUTE format('UPDATE pql.%I SET attributes = jsonb_set(coalesce(attributes, ''{}''), ARRAY[$1], $3) WHERE %I = $2',
			section, key_column) USING fact_name, subject_id, fact_value;
	END IF;
EXCEPTION WHEN data_exception THEN
	RAISE EXCEPTION '%.% cannot be %', section, fact_name, fact_value
		USING ERRCODE = 'invalid_parameter_value', DETAIL = SQLERRM,
			HINT = format('Give a value of the type of the column of pql.%I.', section);
END
$$;
COMMENT ON FUNCTION pql.set_fact(text, text, text, jsonb) IS 'Writes a fact to pql.person or pql.account: to the column of its name, else to attributes. NULL: not known.';

CREATE FUNCTION pql.follow_facts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	fact record;
	section text;
	fact_name text;
	row_now jsonb;
	held jsonb;
	latest jsonb;
BEGIN
	-- our own rows follow the tables already
	FOR fact IN
		SELECT a.subject, a.name, count(*) AS rows_added
		FROM added a
		WHERE a.source IS DISTINCT FROM 'pql.person' AND a.source IS DISTINCT FROM 'pql.account'
		GROUP BY a.subject, a.name
	LOOP
		section := split_part(fact.name, '.', 1);
		fact_name := substr(fact.name, length(section) + 2);
		IF section NOT IN ('person', 'account', 'trial', 'lead') OR fact_name = '' THEN
			RAISE EXCEPTION '"%" is not the name of a fact', fact.name
				USING ERRCODE = 'invalid_parameter_value',
					DETAIL = 'Facts are person.*, account.*, trial.* and lead.*.',
					HINT = 'Write for example ''account.employees''.';
		END IF;
		CONTINUE WHEN section IN ('trial', 'lead');
		EXECUTE format('SELECT to_jsonb(r) FROM pql.%I r WHERE r.%I = $1', section,
			CASE section WHEN 'person' THEN 'user_id' ELSE 'account_id' END)
			INTO row_now USING fact.subject;
		CONTINUE WHEN row_now IS NULL;
		held := pql.profile_row(row_now) -> fact_name;
		SELECT nullif(f.value, 'null') INTO latest
		FROM pql.fact f WHERE f.subject = fact.subject AND f.name = fact.name
		ORDER BY f.recorded_at DESC LIMIT 1;
		CONTINUE WHEN held IS NOT DISTINCT FROM latest;
		-- what the table held before the first row of history was known from the beginning
		IF TG_OP = 'INSERT' AND held IS NOT NULL AND fact.rows_added =
			(SELECT count(*) FROM pql.fact f WHERE f.subject = fact.subject AND f.name = fact.name) THEN
			INSERT INTO pql.fact (subject, name, value, source, recorded_at)
			VALUES (fact.subject, fact.name, held, 'pql.' || section, '-infinity')
			ON CONFLICT DO NOTHING;
		END IF;
		PERFORM pql.set_fact(section, fact.subject, fact_name, latest);
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.follow_facts() IS 'Trigger, once a statement: pql.person and pql.account hold the latest state of pql.fact. Restoring a dump changes nothing, for there they do already.';

CREATE TRIGGER tables_follow_new_facts AFTER INSERT ON pql.fact
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_facts();
CREATE TRIGGER tables_follow_changed_facts AFTER UPDATE ON pql.fact
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_facts();
